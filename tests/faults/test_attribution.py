"""Every line under the stage and task of the code that said it, wherever that code runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.oracle.harness import Plan, Trial
from tests.faults.oracle.history import Producer
from tests.faults.oracle.producers import IN_PROCESSES
from tests.support.data_directory import stored
from tests.support.effort import FULL, times
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(1800 if FULL else 120)

TASKS = 32
LINES = times(300, 5_000)
WAYS = ("emitter", "logging", "print", "write", "pieces", "stderr", "warning")
WAYS_WITHOUT_EMITTER = tuple(way for way in WAYS if way != "emitter")


def tasks(context: str, ways: tuple[str, ...], *, tasks: int = TASKS, lines: int) -> list[Producer]:
    """*tasks* producers in tasks of their own, spread over four stages and all *ways*."""
    return [
        Producer(
            f"{context}.{ways[n % len(ways)]}.{n}",
            context,
            ways[n % len(ways)],
            f"stage {n % 4}",
            f"task {n}",
            lines,
        )
        for n in range(tasks)
    ]


def run(
    tmp_path: Path, chance: random.Random, producers: list[Producer], door: str = "run"
) -> None:
    """Run *producers* in one job; fails on a missing, misplaced or any other wrong line."""
    plan = Plan(chance.randrange(1 << 30), producers, door)
    trial = Trial(tmp_path / "home", tmp_path / "trial", plan)
    trial.start()
    trial.wait(600)
    history = trial.judge()
    assert len(history.acknowledged) == sum(producer.count for producer in producers)


@pytest.mark.parametrize("context", ["thread", "pool", "asyncio", "executor"])
def test_tasks_in_one_process_keep_their_lines(
    tmp_path: Path, chance: random.Random, context: str
) -> None:
    run(tmp_path, chance, tasks(context, WAYS, lines=LINES))


@pytest.mark.parametrize("context", IN_PROCESSES)
def test_tasks_in_processes_keep_their_lines(
    tmp_path: Path, chance: random.Random, context: str
) -> None:
    many = TASKS if FULL or context == "fork" else 6
    run(tmp_path, chance, tasks(context, WAYS_WITHOUT_EMITTER, tasks=many, lines=LINES))


@pytest.mark.parametrize("door", ["run", "capture"])
def test_all_kinds_at_once(tmp_path: Path, chance: random.Random, door: str) -> None:
    lines = times(100, 2_000)
    producers = [
        producer
        for context in ("main", "thread", "pool", "asyncio", "executor", "fork")
        for producer in tasks(
            context, WAYS if context != "fork" else WAYS_WITHOUT_EMITTER, tasks=7, lines=lines
        )
    ]
    run(tmp_path, chance, producers, door)


def test_what_children_and_c_code_say(tmp_path: Path, chance: random.Random) -> None:
    """Children are placed; bytes on a descriptor that all share are not, and it says so."""
    lines = times(20, 200)
    run(
        tmp_path,
        chance,
        [
            *tasks("thread", ("subprocess", "os.system"), tasks=4, lines=lines),
            Producer("main.os.write.1", "main", "os.write", "shared", "t1", lines * 5),
            Producer("main.libc.1", "main", "libc", "shared", "t2", lines * 5),
            *tasks("thread", ("print", "logging"), tasks=2, lines=lines * 5),
        ],
    )


def test_a_pool_of_processes_credits_the_task_that_submitted(tmp_path: Path) -> None:
    """Its workers are older than the task they work for."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from concurrent.futures import ProcessPoolExecutor
        import multiprocessing
        def work(name):
            print(f"print {name}")
            log.warning("log %s", name)
            return name
        @app.handler("x")
        def x(ctx, payload):
            with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
                for number in range(8):
                    with ctx.emit.stage(f"s{number % 2}"), ctx.emit.task(f"t{number}"):
                        pool.submit(work, f"t{number}").result()
        print(app.run("x")[1])
        """,
    )
    assert b"completed" in done.stdout, done.stderr
    with stored(home) as store:
        for line, whole in store.lines():
            name = whole.decode().split()[1]
            assert (line.stage, line.task_id) == (f"s{int(name[1:]) % 2}", name), whole


def test_a_shared_pool_of_threads_credits_nobody_by_its_age(tmp_path: Path) -> None:
    """A worker thread that was born in one task works for others, and for code outside of any."""
    home = tmp_path / "home"
    run_program(
        home,
        """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        ready, go, over = threading.Event(), threading.Event(), threading.Event()
        def outside():
            ready.wait()
            pool.submit(print, "from outside").result()
            over.set()
        foreign = threading.Thread(target=outside)
        foreign.start()
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("one"), ctx.emit.task("born here"):
                pool.submit(print, "first").result()
            with ctx.emit.stage("two"), ctx.emit.task("other"):
                pool.submit(print, "second").result()
            with ctx.emit.stage("three"):
                ready.set()
                over.wait(60)
        app.run("x")
        foreign.join()
        pool.shutdown()
        """,
    )
    with stored(home) as store:
        found = {whole.decode(): line for line, whole in store.lines()}
    assert (found["first"].stage, found["first"].task_id) == ("one", "born here")
    assert (found["second"].stage, found["second"].task_id) == ("two", "other")
    outside = found["from outside"]
    assert (outside.stage, outside.task_id) == (None, None)
    assert "unattributed" in outside.flags


def test_jobs_at_the_same_time_in_one_process_do_not_mix(tmp_path: Path) -> None:
    """Fifty runs in threads of one process, each with its own threads and pool."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from concurrent.futures import ThreadPoolExecutor
        @app.handler("x")
        def x(ctx, payload):
            name = payload["name"]
            def work(n):
                print(f"print {name}")
                log.info("log %s", name)
                sys.stderr.write(f"stderr {name}\\n")
                ctx.emit.info(f"emit {name}")
            with ctx.emit.stage(f"stage {name}"), ThreadPoolExecutor(2) as pool:
                list(pool.map(work, range(10)))
        outcomes = []
        def start(n):
            outcomes.append(app.run("x", {"name": f"n{n}"})[1].status)
        with app.indexing():
            threads = [threading.Thread(target=start, args=(n,)) for n in range(50)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        sys.stdout.write(str(outcomes == ["completed"] * 50))
        """,
    )
    assert done.stdout.endswith(b"True"), (done.stdout[-500:], done.stderr[-3000:])
    with stored(home) as store:
        jobs = store.jobs
        assert len(jobs) == 50
        for job in jobs:
            lines = store.lines(job)
            names = {whole.decode().split()[1] for _, whole in lines}
            assert len(lines) == 40
            assert len(names) == 1, f"lines of {names} in one job"
            assert {line.stage for line, _ in lines} == {f"stage {names.pop()}"}
            assert store.receipt(job).complete
