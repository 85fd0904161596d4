"""Libraries with threads, greenlets and processes of their own: credited as Python's are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)


#: Those that do not install on newer Pythons yet.
_BEFORE = {"gevent": (3, 15), "uvloop": (3, 15)}


def need(*libraries: str) -> None:
    for name in libraries:
        if sys.version_info >= _BEFORE.get(name, (4, 0)):
            pytest.skip(f"{name} is not for this Python")


GREENLETS = {
    "spawn": "gevent.spawn(say).join()",
    "spawn_later": "gevent.spawn_later(0.001, say).join()",
    "pool": "gevent.pool.Pool(2).apply(say)",
    "of a greenlet": "gevent.spawn(lambda: gevent.spawn(say).join()).join()",
    "thread": "start(threading.Thread(target=say))",
    "thread pool": "gevent.get_hub().threadpool.spawn(say).get()",
    "executor": "gevent.threadpool.ThreadPoolExecutor(1).submit(say).result()",
}


@pytest.mark.parametrize("patched", [False, True])
@pytest.mark.parametrize("name", GREENLETS)
def test_greenlets_go_on_where_they_are_started(tmp_path: Path, name: str, patched: bool) -> None:
    need("gevent")
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import gevent, gevent.pool, gevent.threadpool
        if {patched}:
            from gevent import monkey
            monkey.patch_all()
        def say():
            print("print")
            log.warning("log")
        def start(thread):
            thread.start()
            thread.join()
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("s"), ctx.emit.task("t"):
                {GREENLETS[name]}
        began = time.monotonic()
        outcome = app.run("x")[1]
        assert outcome.status == "completed", outcome
        assert time.monotonic() - began < 5, "it waits for threads of ours that are over"
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = [(line.stage, line.task_id, whole) for line, whole in store.lines()]
        assert found == [("s", "t", b"print"), ("s", "t", b"log")]


@pytest.mark.parametrize("patched", [False, True])
def test_children_of_gevent_have_a_place(tmp_path: Path, patched: bool) -> None:
    need("gevent")
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        if {patched}:
            from gevent import monkey
            monkey.patch_all()
        @app.handler("x")
        def x(ctx, payload):
            import gevent.subprocess as subprocess
            with ctx.emit.stage("s"):
                subprocess.run(["sh", "-c", "echo out; printf rest"])
                print("after")
                print(subprocess.check_output(["echo", "asked"]))
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert store.texts() == ["out", "rest", "after", "b'asked\\n'"]
        assert {line.stage for line, _ in store.lines()} == {"s"}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_children_of_a_loop_say_everything_before_what_follows_their_end(
    tmp_path: Path, loop: str
) -> None:
    need(loop)
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import asyncio, {loop}
        async def work(emit):
            with emit.stage("s"):
                child = await asyncio.create_subprocess_exec("sh", "-c", "echo out; printf rest")
                await child.wait()
                print("after")
                child = await asyncio.create_subprocess_shell("echo shell")
                await child.communicate()
                child = await asyncio.create_subprocess_exec("echo", "asked", stdout=-1)
                print((await child.communicate())[0])
                try:
                    await asyncio.create_subprocess_exec("there-is-no-such-program")
                except FileNotFoundError:
                    print("refused")
        @app.handler("x")
        def x(ctx, payload):
            {loop}.run(work(ctx.emit))
        outcome = app.run("x")[1]
        assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        assert store.texts() == ["out", "rest", "after", "shell", "b'asked\\n'", "refused"]
        assert {line.stage for line, _ in store.lines()} == {"s"}
        assert store.receipt().complete


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib_works_for_the_run_that_asks(tmp_path: Path, backend: str) -> None:
    """Its processes outlive the run, and are used by the next one."""
    need("joblib")
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import joblib, subprocess
        def say(tag):
            print(tag, "print", flush=True)
            log.warning("%s log", tag)
            os.write(1, f"{{tag}} raw\\n".encode())
            subprocess.run(["echo", tag, "sub"])
        @app.handler("x")
        def x(ctx, name):
            with ctx.emit.stage(name), ctx.emit.task("t"):
                joblib.Parallel(2, backend={backend!r})([joblib.delayed(say)(name)] * 2)
        if __name__ == "__main__":
            for name in ("first", "second"):
                outcome = app.run("x", name)[1]
                assert outcome.status == "completed", outcome
        """,
        timeout_s=100,
    )
    assert done.returncode == 0, done.stderr
    index_rest(home)
    with stored(home) as store:
        for job, name in zip(store.jobs, ("first", "second"), strict=True):
            words = ("log", "print", "raw", "sub")
            assert sorted(store.texts(job)) == [f"{name} {word}" for word in words for _ in "12"]
            for line, whole in store.lines(job):
                if whole.endswith((b"log", b"print")):
                    assert (line.stage, line.task_id) == (name, "t")
            assert store.receipt(job).complete


def test_trio_s_threads_and_processes_have_a_place(tmp_path: Path) -> None:
    """Its threads are kept, and work for the next run."""
    need("trio")
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import trio
        async def work(ctx, name):
            with ctx.emit.stage(name):
                async with trio.open_nursery() as nursery:
                    for task in ("a", "b"):
                        nursery.start_soon(within, ctx, task)
        async def within(ctx, task):
            with ctx.emit.task(task):
                await trio.to_thread.run_sync(print, "thread of", task)
                await trio.run_process(["echo", "child", "of", task])
                log.warning("log of %s", task)
        @app.handler("x")
        def x(ctx, name):
            trio.run(work, ctx, name)
        for name in ("first", "second"):
            outcome = app.run("x", name)[1]
            assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        for job, name in zip(store.jobs, ("first", "second"), strict=True):
            found = sorted((w.decode(), line.stage, line.task_id) for line, w in store.lines(job))
            assert found == sorted(
                (f"{what} of {task}", name, task)
                for what in ("thread", "child", "log")
                for task in ("a", "b")
            )
