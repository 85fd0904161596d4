"""Pools of threads and processes that live longer than the code, or the run, that made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

#: How to make a pool, and how to have it work.
POOLS = {
    "threads": ("ThreadPoolExecutor(1)", "pool.submit(work, name).result()"),
    "fork": ("ProcessPoolExecutor(1, get_context('fork'))", "pool.submit(work, name).result()"),
    "spawn": ("ProcessPoolExecutor(1, get_context('spawn'))", "pool.submit(work, name).result()"),
    "forkserver": (
        "ProcessPoolExecutor(1, get_context('forkserver'))",
        "pool.submit(work, name).result()",
    ),
    "executor's map": (
        "ProcessPoolExecutor(1, get_context('fork'))",
        "list(pool.map(work, [name]))",
    ),
    "Pool.apply": ("get_context('fork').Pool(1)", "pool.apply(work, (name,))"),
    "Pool.map": ("get_context('fork').Pool(1)", "pool.map(work, [name])"),
    "Pool.starmap": ("get_context('fork').Pool(1)", "pool.starmap(work, [(name,)])"),
    "Pool.imap": ("get_context('fork').Pool(1)", "list(pool.imap(work, [name]))"),
    "Pool.imap_unordered": (
        "get_context('fork').Pool(1)",
        "list(pool.imap_unordered(work, [name]))",
    ),
    "ThreadPool": ("ThreadPool(1)", "pool.map(work, [name])"),
    "ThreadPool.imap": ("ThreadPool(1)", "list(pool.imap(work, [name]))"),
}


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_that_outlives_its_run_works_for_the_one_that_asks(
    tmp_path: Path, name: str
) -> None:
    """Each run has its own lines, in its own stage; the maker of the pool gets none of them."""
    home = tmp_path / "home"
    make, ask = POOLS[name]
    done = run_program(
        home,
        f"""
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing import get_context
        from multiprocessing.pool import ThreadPool
        pools = []
        def work(name):
            print("print", name)
            log.warning("log %s", name)
        @app.handler("x")
        def x(ctx, name):
            pools.append(pools[0] if pools else {make})
            pool = pools[0]
            with ctx.emit.stage(name), ctx.emit.task(f"of {{name}}"):
                {ask}
        if __name__ == "__main__":
            for name in ("first", "second", "third"):
                outcome = app.run("x", name)[1]
                assert outcome.status == "completed", outcome.error
            (pools[0].shutdown if hasattr(pools[0], "shutdown") else pools[0].terminate)()
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    with stored(home) as store:
        for job, run in zip(store.jobs, ("first", "second", "third"), strict=True):
            found = [(line.stage, line.task_id, whole.decode()) for line, whole in store.lines(job)]
            assert found == [(run, f"of {run}", f"{word} {run}") for word in ("print", "log")]
            assert store.receipt(job).complete


@pytest.mark.parametrize("name", POOLS)
def test_a_pool_that_worked_before_anything_was_recorded_works_for_the_run_that_asks(
    tmp_path: Path, name: str
) -> None:
    """Its workers began without our patches."""
    home = tmp_path / "home"
    make, ask = POOLS[name]
    done = run_program(
        home,
        f"""
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing import get_context
        from multiprocessing.pool import ThreadPool
        def work(name):
            print("print", name)
            log.warning("log %s", name)
        @app.handler("x")
        def x(ctx, name):
            with ctx.emit.stage(name):
                {ask}
        if __name__ == "__main__":
            pool = {make}
            name = "unrecorded"
            {ask}
            for name in ("first", "second"):
                outcome = app.run("x", name)[1]
                assert outcome.status == "completed", outcome.error
            name = "unrecorded"
            {ask}
            (pool.shutdown if hasattr(pool, "shutdown") else pool.terminate)()
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    with stored(home) as store:
        for job, run in zip(store.jobs, ("first", "second"), strict=True):
            found = [(line.stage, whole.decode()) for line, whole in store.lines(job)]
            assert found == [(run, f"{word} {run}") for word in ("print", "log")]
            assert store.receipt(job).complete


CALLBACKS = {
    "threads": "threads.submit(str, 1).add_done_callback(told)",
    "processes": "processes.submit(str, 1).add_done_callback(told)",
    "Pool": "pool.apply_async(str, (1,), callback=told)",
    "Pool, error": "pool.apply_async(int, ('x',), error_callback=told)",
    "ThreadPool": "thread_pool.map_async(str, [1], callback=told)",
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_belongs_to_the_code_that_asked_for_it(tmp_path: Path, name: str) -> None:
    """Though another thread calls it, which was born in an earlier run."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        from multiprocessing import get_context
        from multiprocessing.pool import ThreadPool
        fork = get_context("fork")
        @app.handler("makes")
        def makes(ctx, payload):
            global threads, processes, pool, thread_pool
            threads, processes = ThreadPoolExecutor(1), ProcessPoolExecutor(1, fork)
            pool, thread_pool = fork.Pool(1), ThreadPool(1)
            threads.submit(str).result()
            processes.submit(str).result()
        @app.handler("uses")
        def uses(ctx, payload):
            over = threading.Event()
            def told(result):
                print("told")
                over.set()
            with ctx.emit.stage("s"):
                {CALLBACKS[name]}
                assert over.wait(20)
        app.run("makes")
        outcome = app.run("uses")[1]
        assert outcome.status == "completed", outcome.error
        pool.terminate()
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    with stored(home) as store:
        assert [(line.stage, whole) for line, whole in store.lines(store.jobs[1])] == [
            ("s", b"told")
        ]
