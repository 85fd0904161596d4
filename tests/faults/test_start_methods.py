"""Children by every start method of multiprocessing belong to the run that starts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

DOORS = {
    "foreground": "",
    # As in a worker, which goes on when a run is over.
    "worker": "from qntx.recording.session import no_console; no_console()",
}
SAYS = """
        import multiprocessing, subprocess
        from concurrent.futures import ProcessPoolExecutor
        def say(tag):
            print(tag, "print", flush=True)
            os.write(1, f"{tag} raw\\n".encode())
            subprocess.run(["echo", tag, "sub"])
            os.write(2, f"{tag} error\\n".encode())
"""


def said(tag: str) -> list[str]:
    return [f"{tag} {how}" for how in ("error", "print", "raw", "sub")]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_belongs_to_the_code_that_starts_it(tmp_path: Path, method: str, door: str) -> None:
    """The fork server was born in an earlier run, and has nothing of it."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {DOORS[door]}
        {SAYS.strip()}
        context = multiprocessing.get_context({method!r})
        def start(tag):
            child = context.Process(target=say, args=(tag,))
            child.start()
            child.join()
            assert child.exitcode == 0
        @app.handler("x")
        def x(ctx, name):
            with ctx.emit.stage(name), ctx.emit.task(f"of {{name}}"):
                start(name)
                print("after", name)
        if __name__ == "__main__":
            for name in ("first", "second"):
                outcome = app.run("x", name)[1]
                assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        for job, name in zip(store.jobs, ("first", "second"), strict=True):
            lines = store.lines(job)
            assert sorted(store.texts(job)) == [f"after {name}", *said(name)]
            assert {(line.stage, line.task_id) for line, _ in lines} == {(name, f"of {name}")}
            assert lines[-1][1].decode() == f"after {name}"
            assert store.receipt(job).complete


def test_a_child_of_the_fork_server_outside_of_any_run_is_nobody_s(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {SAYS.strip()}
        context = multiprocessing.get_context("forkserver")
        def start(tag):
            child = context.Process(target=say, args=(tag,))
            child.start()
            child.join()
        @app.handler("x")
        def x(ctx, name):
            start(name)
        if __name__ == "__main__":
            app.run("x", "inside")
            start("outside")
            app.run("x", "again")
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = [sorted(store.texts(job)) for job in store.jobs]
    assert found == [said("inside"), said("again")]
    shown = done.stdout.decode().splitlines()
    assert sorted(line for line in shown if line.startswith("outside")) == said("outside")[1:]
    assert b"outside error\n" in done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_what_outlives_a_run_holds_nothing_of_it(tmp_path: Path, door: str) -> None:
    """The fork server and the resource tracker are born in the first run that needs them."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {DOORS[door]}
        import multiprocessing
        from multiprocessing import forkserver, resource_tracker
        from tests.support.waiting import wait_until
        def held(pid):
            found = set()
            for name in os.listdir(f"/proc/{{pid}}/fd"):
                try:
                    one = os.stat(f"/proc/{{pid}}/fd/{{name}}")
                except FileNotFoundError:
                    continue
                found.add((one.st_dev, one.st_ino))
            return found
        @app.handler("x")
        def x(ctx, payload):
            child = multiprocessing.get_context("forkserver").Process(target=int)
            child.start()
            child.join()
            ours = {{(one.st_dev, one.st_ino) for one in map(os.fstat, (1, 2))}}
            server = forkserver._forkserver._forkserver_pid
            tracker = resource_tracker._resource_tracker._pid
            assert not held(server) & ours
            wait_until(lambda: not held(tracker) & ours)
        if __name__ == "__main__":
            outcome = app.run("x")[1]
            assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("pool", ["ProcessPoolExecutor(1, context)", "context.Pool(1)"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_writes_to_the_run_that_it_works_for(tmp_path: Path, method: str, pool: str) -> None:
    """Also past Python; the worker was born in an earlier run, and goes on outside of any."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {SAYS.strip()}
        def ask(tag):
            if hasattr(pool, "submit"):
                pool.submit(say, tag).result()
            else:
                pool.apply(say, (tag,))
        @app.handler("x")
        def x(ctx, name):
            global pool
            pool = pool or {pool}
            with ctx.emit.stage(name):
                ask(name)
        if __name__ == "__main__":
            pool, context = None, multiprocessing.get_context({method!r})
            for name in ("first", "second"):
                outcome = app.run("x", name)[1]
                assert outcome.status == "completed", outcome
            (pool.shutdown if hasattr(pool, "shutdown") else pool.terminate)()
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        for job, name in zip(store.jobs, ("first", "second"), strict=True):
            found = {whole.decode(): line for line, whole in store.lines(job)}
            assert sorted(store.texts(job)) == said(name)
            assert found[f"{name} print"].stage == name
            assert found[f"{name} raw"].flags == ["unattributed"]


def test_a_pool_from_before_the_recording_writes_to_the_run_while_it_works_for_it(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {SAYS.strip()}
        @app.handler("x")
        def x(ctx, name):
            pool.submit(say, name).result()
        if __name__ == "__main__":
            pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            pool.submit(say, "before").result()
            app.run("x", "inside")
            pool.submit(say, "after").result()
            pool.shutdown()
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        assert sorted(store.texts()) == said("inside")
    shown = sorted(done.stdout.decode().splitlines())
    assert shown == sorted([*said("before")[1:], *said("inside")[1:], *said("after")[1:]])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_idles_holds_up_no_receipt(tmp_path: Path, method: str) -> None:
    """Its worker was born in the run, whose streams are at their end when the run is."""
    done = run_program(
        tmp_path / "home",
        f"""
        {SAYS.strip()}
        from tests.support.waiting import wait_until
        @app.handler("x")
        def x(ctx, payload):
            pools.append(ProcessPoolExecutor(1, multiprocessing.get_context({method!r})))
            pools[0].submit(say, "tag").result()
        if __name__ == "__main__":
            pools = []
            with app.indexing():
                job = app.run("x")[0]
                wait_until(lambda: app.store.logs.receipt(job).complete)
            pools[0].shutdown()
        """,
    )
    assert done.returncode == 0, done.stderr
