"""Threads, however they are started, under every version of Python that gives them a context."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

#: Whether a thread begins with the context of the code that starts it: a setting since 3.14, on by
#: itself in free-threaded builds.
CONTEXTS = {"empty": "0", "inherited": "1"}

STARTS = {
    "Thread": "start(threading.Thread(target=work))",
    "Thread, subclass": "start(Mine())",
    "Timer": "start(threading.Timer(0, work))",
    "ThreadPoolExecutor": "with ThreadPoolExecutor(1) as pool: pool.submit(work).result()",
    "start_new_thread": "raw(work)",
    "asyncio.to_thread": "asyncio.run(asyncio.to_thread(work))",
    "ThreadPool": "with ThreadPool(1) as pool: pool.apply(work)",
    "ThreadPool.imap": "with ThreadPool(1) as pool: list(pool.imap(str, values()))",
}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", STARTS)
def test_threads_of_two_runs_at_once_keep_their_places(
    tmp_path: Path, name: str, context: str
) -> None:
    """No line can be given to the only run of the process, for there are two."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import _thread, asyncio, qntx
        from concurrent.futures import ThreadPoolExecutor
        from multiprocessing.pool import ThreadPool
        both = threading.Barrier(2)
        def run(name):
            def work():
                print("print of", name)
                log.warning("log of %s", name)
            def values():
                work()
                yield 1
            class Mine(threading.Thread):
                def run(self):
                    work()
            def start(thread):
                thread.start()
                thread.join()
            def raw(function):
                over = threading.Event()
                _thread.start_new_thread(lambda: (function(), over.set()), ())
                assert over.wait(20)
            with qntx.capture(name, home=home) as emit:
                both.wait()
                with emit.stage(f"stage {{name}}"), emit.task(f"task {{name}}"):
                    {STARTS[name]}
                both.wait()
        runs = [threading.Thread(target=run, args=(name,)) for name in ("A", "B")]
        for one in runs: one.start()
        for one in runs: one.join()
        """,
        env={"PYTHON_THREAD_INHERIT_CONTEXT": CONTEXTS[context]},
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        assert len(store.jobs) == 2
        for job in store.jobs:
            lines = store.lines(job)
            of = lines[0][1].decode()[-1]
            assert [
                (line.stage, line.task_id, whole.decode(), line.flags) for line, whole in lines
            ] == [(f"stage {of}", f"task {of}", f"{word} of {of}", []) for word in ("print", "log")]
            assert store.receipt(job).complete


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("make", ["ThreadPoolExecutor(1)", "ThreadPool(1)"])
def test_a_worker_thread_belongs_to_nobody_by_its_birth(
    tmp_path: Path, make: str, context: str
) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import qntx
        from concurrent.futures import ThreadPoolExecutor
        from multiprocessing.pool import ThreadPool
        pool = {make}
        def ask(*words):
            if isinstance(pool, ThreadPool):
                pool.apply(print, words)
            else:
                pool.submit(print, *words).result()
        def outside():
            ready.wait()
            ask("outside")
            over.set()
        ready, over = threading.Event(), threading.Event()
        foreign = threading.Thread(target=outside)
        foreign.start()
        with qntx.capture("first", home=home) as emit, emit.stage("born here"):
            ask("first")
        with qntx.capture("second", home=home) as emit, emit.stage("later"):
            ask("second")
            ready.set()
            over.wait()
        ask("after")
        foreign.join()
        """,
        env={"PYTHON_THREAD_INHERIT_CONTEXT": CONTEXTS[context]},
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = [
            [(line.stage, whole.decode()) for line, whole in store.lines(job)] for job in store.jobs
        ]
    assert found == [[("born here", "first")], [("later", "second"), (None, "outside")]]


def test_a_context_that_the_program_gives_a_thread_stays_its_own(tmp_path: Path) -> None:
    """A copy of one counts as it is; an empty one has the place of who starts, for so long."""
    if sys.version_info < (3, 14):
        pytest.skip("threads take a context since Python 3.14")
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import contextvars, qntx
        def start(word, context):
            thread = threading.Thread(target=print, args=(word,), context=context)
            thread.start()
            thread.join()
        empty = contextvars.Context()
        with qntx.capture("x", home=home) as emit:
            with emit.stage("one"):
                copied = contextvars.copy_context()
                start("empty", empty)
            with emit.stage("two"):
                start("copied", copied)
                start("again", empty)
        assert not any("qntx" in variable.name for variable in empty), list(empty)
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = [(line.stage, whole.decode()) for line, whole in store.lines()]
    assert found == [("one", "empty"), ("one", "copied"), ("two", "again")]


def test_an_executor_with_a_submit_of_its_own_credits_who_submits(tmp_path: Path) -> None:
    """As those with priorities or bounds have it: they queue the work items of Python's."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from concurrent.futures import Future, ThreadPoolExecutor
        from concurrent.futures.thread import _WorkItem
        import concurrent.futures.thread as module
        class Own(ThreadPoolExecutor):
            def submit(self, fn, /, *args):
                future = Future()
                if hasattr(self, "_resolve_work_item_task"):
                    item = _WorkItem(future, self._resolve_work_item_task(fn, args, {}))
                else:
                    item = _WorkItem(future, fn, args, {})
                self._work_queue.put(item)
                self._adjust_thread_count()
                return future
        @app.handler("x")
        def x(ctx, payload):
            with Own(1) as pool:
                for name in ("one", "two"):
                    with ctx.emit.stage(name):
                        pool.submit(print, name).result()
        outcome = app.run("x")[1]
        assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = [(line.stage, whole.decode()) for line, whole in store.lines()]
    assert found == [("one", "one"), ("two", "two")]


def test_a_pool_of_interpreters_works_inside_of_a_run(tmp_path: Path) -> None:
    """What another interpreter writes to the descriptors is the attempt's; an error is placed."""
    if sys.version_info < (3, 14):
        pytest.skip("InterpreterPoolExecutor is new in Python 3.14")
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from concurrent.futures import InterpreterPoolExecutor
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("calc"), InterpreterPoolExecutor(2) as pool:
                pool.submit(print, "printed", flush=True).result()
                pool.submit(os.write, 1, b"written\\n").result()
                future = pool.submit(int, "x")
                future.add_done_callback(lambda future: print("told", future.exception()))
                return list(pool.map(abs, [-1, -2]))
        outcome = app.run("x")[1]
        assert outcome.result == [1, 2], outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        found = {whole.decode(): line.stage for line, whole in store.lines()}
        assert found.pop("told invalid literal for int() with base 10: 'x'") == "calc"
        assert found == {"printed": None, "written": None}
        assert store.receipt().complete


def test_what_a_raw_thread_dies_of_is_its_run_s(tmp_path: Path) -> None:
    """And Python names the function of the program, not ours."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import _thread
        over = threading.Event()
        def fails():
            try:
                raise ValueError("of its own")
            finally:
                over.set()
        @app.handler("x")
        def x(ctx, payload):
            before = len(os.listdir("/proc/self/task"))
            with ctx.emit.stage("s"):
                _thread.start_new_thread(fails, ())
                assert over.wait(20)
            while len(os.listdir("/proc/self/task")) > before:
                os.sched_yield()
        outcome = app.run("x")[1]
        assert outcome.status == "completed", outcome
        """,
    )
    assert done.returncode == 0, done.stderr
    assert b"in thread started by" in done.stderr
    assert b"<function fails" in done.stderr
    with stored(home) as store:
        (line,) = [line for line, whole in store.lines() if b"of its own" in whole]
        assert (line.stage, line.flags) == ("s", [])


@pytest.mark.parametrize("door", ["run", "capture", "worker"])
def test_a_thread_that_outlives_the_run_is_stored_whole_or_not_at_all(
    tmp_path: Path, door: str
) -> None:
    """In a worker, where everything stays in place, all of it; elsewhere nothing after the end."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import qntx, subprocess, warnings
        from qntx.recording.session import no_console
        if {door!r} == "worker":
            no_console()
        goes, says = threading.Barrier(2), threading.Barrier(2)
        def late(emit):
            for when in ("alone", "beside another"):
                goes.wait()
                print("print", when)
                log.error("log %s", when)
                emit.info(f"emit {{when}}")
                with emit.stage("late"):
                    subprocess.run(["echo", "child", when])
                warnings.warn(f"warning {{when}}")
                says.wait()
        @app.handler("first")
        def first(ctx, payload):
            begin(ctx.emit)
        @app.handler("second")
        def second(ctx, payload):
            have_it_speak()
        def begin(emit):
            print("within")
            thread = threading.Thread(target=late, args=(emit,))
            thread.start()
        def have_it_speak():
            goes.wait()
            says.wait()
        with app.indexing():  # the journal stays open, as that of a worker does
            if {door!r} == "capture":
                with qntx.capture("first", home=home) as emit:
                    begin(emit)
            else:
                assert app.run("first")[1].status == "completed"
            have_it_speak()
            if {door!r} == "capture":
                with qntx.capture("second", home=home):
                    have_it_speak()
            else:
                assert app.run("second")[1].status == "completed"
        """,
    )
    assert done.returncode == 0, done.stderr
    index_rest(home)
    with stored(home) as store:
        first, second = (sorted(store.texts(job)) for job in store.jobs)
        assert all(store.receipt(job).complete for job in store.jobs)
    assert second == []
    said = [
        f"{word} {when}"
        for word in ("UserWarning: warning", "child", "emit", "log", "print")
        for when in ("alone", "beside another")
    ]
    assert first == (sorted(["within", *said]) if door == "worker" else ["within"])
    if door != "worker":
        shown = sorted(done.stdout.decode().splitlines())
        assert shown == sorted(["within", *(s for s in said if s.startswith(("print", "child")))])
