"""Processes that end in haste, fork, or leave children behind: each line is stored all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from qntx.indexer.launch import IndexerProcess
from tests.support.data_directory import index_rest, segments, stored
from tests.support.effort import FULL, times
from tests.support.programs import run_program, start_program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(1800 if FULL else 120)

ENDS = {
    "os._exit(0)": "os._exit(0)",
    "os._exit(3)": "os._exit(3)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGSEGV": "import ctypes; ctypes.string_at(0)",
    "abort": "os.abort()",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)",
    "exec": "os.execv('/bin/true', ['true'])",
}


SAYINGS = {
    "emitter": 'ctx.emit.info("last words")',
    "logging": 'log.error("last words")',
    "print": 'print("last words")',
    "write": 'sys.stdout.write("last words\\n")',
    "no newline": 'sys.stdout.write("last words")',
    "os.write": 'os.write(1, b"last words\\n")',
    "stderr": 'sys.stderr.write("last words\\n")',
    "warning": 'import warnings; warnings.warn("last words")',
}
#: In the short form: every end with two ways, and every way with two ends.
LAST_WORDS = [
    (end, way)
    for end in ENDS
    for way in SAYINGS
    if FULL
    or (end == "os._exit(0)")
    or (end == "SIGKILL" and way == "no newline")
    or way == "print"
]


@pytest.mark.parametrize(("end", "way"), LAST_WORDS)
def test_a_line_said_right_before_the_end_is_stored(tmp_path: Path, end: str, way: str) -> None:
    """And the run is failed, with a reason, though the exit code may have been 0."""
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("final"):
                {SAYINGS[way]}
                {ENDS[end]}
        app.run("x")
        """,
    )
    index_rest(home)
    with stored(home) as store:
        found = [line for line, whole in store.lines() if b"last words" in whole]
        assert len(found) == 1, store.texts()
        assert store.status() == ("failed", "failed")
        assert store.receipt().complete
        if way != "os.write":
            assert found[0].stage == "final"
        stages = {s.stage: s.status for s in store.logs.stages(store.job()).stages}
        assert stages["final"] in ("interrupted", "failed")


def test_a_crash_leaves_the_traceback_of_the_fault_handler(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        import ctypes
        @app.handler("x")
        def x(ctx, payload):
            def crash_here():
                ctypes.string_at(0)
            crash_here()
        app.run("x")
        """,
    )
    index_rest(home)
    with stored(home) as store:
        texts = "\n".join(store.texts())
    assert "Fatal Python error: Segmentation fault" in texts
    assert "crash_here" in texts


@pytest.mark.parametrize(
    "call",
    [
        "sys.exit(0)",
        "sys.exit(3)",
        "sys.exit('a word')",
        "exit()",
        "raise KeyboardInterrupt",
        "raise BaseException('odd')",
    ],
)
def test_leaving_by_exception_fails_the_run_and_nothing_else(tmp_path: Path, call: str) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        @app.handler("x")
        def x(ctx, payload):
            ctx.emit.info("before")
            {call}
        _, outcome = app.run("x")
        print("STILL HERE", outcome.status)
        """,
    )
    assert b"STILL HERE failed" in done.stdout, done.stderr
    with stored(home) as store:
        assert store.texts()[0] == "before"
        assert store.status() == ("failed", "failed")
        assert store.receipt().complete


def test_jobs_of_a_millisecond_lose_no_line(tmp_path: Path) -> None:
    """One process, one journal, many runs, the last line right before each end."""
    home = tmp_path / "home"
    many = times(100, 1_000)
    run_program(
        home,
        f"""
        @app.handler("x")
        def x(ctx, payload):
            ctx.emit.info(f"emit {{payload}}")
            print("print", payload)
            log.info("log %s", payload)
            sys.stdout.write(f"rest {{payload}}")
        with app.indexing():
            for number in range({many}):
                app.run("x", {{"n": number}})
        """,
        timeout_s=600,
    )
    with stored(home) as store:
        jobs = store.jobs
        assert len(jobs) == many
        for number, job in enumerate(jobs):
            told = str({"n": number})
            texts = store.texts(job)
            assert texts == [f"emit {told}", f"print {told}", f"log {told}", f"rest {told}"]
            assert store.receipt(job).text == "complete: 4 of 4"


def test_processes_of_a_millisecond_lose_no_line(tmp_path: Path) -> None:
    """A process each, with an indexer that lives on; every other one dies right after its line."""
    home = tmp_path / "home"
    many = times(12, 200)
    indexer = IndexerProcess(home)
    try:
        for number in range(many):
            run_program(
                home,
                f"""
                @app.handler("x")
                def x(ctx, payload):
                    print("only line of {number}")
                    if {number} % 2: os._exit(1)
                app.run("x")
                """,
            )
        wait_until(lambda: not segments(home), "all is stored")
    finally:
        indexer.stop()
    with stored(home) as store:
        firsts = sorted(int(store.texts(job)[0].split()[-1]) for job in store.jobs)
    assert firsts == list(range(many))


def test_forks_while_threads_log_neither_hang_nor_lose(tmp_path: Path) -> None:
    """The child finds every lock as the fork left it: held by threads that are not there."""
    home = tmp_path / "home"
    forks = times(60, 1_000)
    done = run_program(
        home,
        f"""
        over = threading.Event()
        counts = {{}}
        def chatter(name):
            n = 0
            while not over.is_set():
                print(f"print {{name}} {{n}}")
                sys.stdout.write(f"write {{name}} ")
                sys.stdout.write(f"{{n}}\\n")
                log.info("log %s %d", name, n)
                sys.stderr.write(f"err {{name}} {{n}}\\n")
                n += 1
            counts[name] = n
        @app.handler("x")
        def x(ctx, payload):
            threads = [threading.Thread(target=chatter, args=(f"t{{i}}",), daemon=True)
                       for i in range(4)]
            for thread in threads: thread.start()
            with ctx.emit.stage("children"):
                for number in range({forks}):
                    pid = os.fork()
                    if pid == 0:
                        signal.alarm(10)
                        print(f"child {{number}} print")
                        log.warning(f"child {{number}} log")
                        ctx.emit.info(f"child {{number}} emit")
                        sys.stdout.write(f"child {{number}} rest\\n")
                        os._exit(0)
                    _, status = os.waitpid(pid, 0)
                    assert status == 0, f"child {{number}} ended with {{status}}"
            over.set()
            for thread in threads: thread.join()
            return counts
        _, outcome = app.run("x")
        print("OUTCOME", outcome.status, outcome.error, outcome.result)
        """,
        timeout_s=300,
    )
    outcome = done.stdout[done.stdout.find(b"OUTCOME") :]
    assert b"OUTCOME completed" in outcome, (outcome[:800], done.stderr[-2000:])
    counts = eval(done.stdout.decode().split("OUTCOME completed None ")[1].split("\n")[0])
    with stored(home) as store:
        lines = store.lines()
        assert store.receipt().complete, store.receipt()
        assert store.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    texts = [whole.decode() for _, whole in lines]
    for number in range(forks):
        mine = [t for t in texts if t.startswith(f"child {number} ")]
        assert mine == [f"child {number} {w}" for w in ("print", "log", "emit", "rest")]
    for name, count in counts.items():
        for word in ("print", "write", "log", "err"):
            mine = [t for t in texts if t.startswith(f"{word} {name} ")]
            assert mine == [f"{word} {name} {n}" for n in range(count)]
    assert all(line.stage == "children" for line, w in lines if w.startswith(b"child"))


def test_unfinished_output_at_a_fork_is_not_said_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            sys.stdout.write("begun by the parent, ")
            pid = os.fork()
            if pid == 0:
                print("said by the child")
                os._exit(0)
            os.waitpid(pid, 0)
            print("ended by the parent")
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert sorted(store.texts()) == [
            "begun by the parent, ended by the parent",
            "said by the child",
        ]


def test_a_child_that_raises_does_not_end_the_run_of_its_parent(tmp_path: Path) -> None:
    """A bare os.fork() whose child falls out of the handler: two processes leave by one door."""
    home = tmp_path / "home"
    run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            pid = os.fork()
            if pid == 0:
                raise RuntimeError("in the child")
            os.waitpid(pid, 0)
            for n in range(100):
                ctx.emit.info(f"line {n}")
        app.run("x")
        """,
        timeout_s=60,
    )
    index_rest(home)
    with stored(home) as store:
        assert store.status() == ("completed", "completed")
        assert [t for t in store.texts() if t.startswith("line")] == [
            f"line {n}" for n in range(100)
        ]
        assert store.receipt().complete


def test_a_grandchild_that_goes_on_writing_is_heard(tmp_path: Path) -> None:
    """A daemon that keeps stdout: the run ends without it, its late lines are kept."""
    home = tmp_path / "home"
    indexer = IndexerProcess(home)
    try:
        # It goes on when the run is over, and not before: a run that waited for it would hang.
        go_on = tmp_path / "go on"
        run_program(
            home,
            """
            import subprocess
            @app.handler("x")
            def x(ctx, payload):
                script = 'echo early; while ! test -e "$0"; do sleep 0.05; done; echo late'
                subprocess.Popen(["sh", "-c", script, sys.argv[2]])
                time.sleep(0.3)
            app.run("x")
            """,
            str(go_on),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        go_on.touch()

        def texts() -> list[str]:
            with stored(home) as store:
                return store.texts()

        wait_until(lambda: "late" in texts(), "the late line is stored")
        assert texts() == ["early", "late"]
    finally:
        indexer.stop()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_killed_child_of_multiprocessing_loses_nothing(tmp_path: Path, method: str) -> None:
    home = tmp_path / "home"
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "childwork.py").write_text(
        "import logging, os, signal\n"
        "def work():\n"
        "    for n in range(500):\n"
        "        print(f'print {n}')\n"
        "        logging.getLogger('c').warning('log %d', n)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = run_program(
        home,
        f"""
        import multiprocessing
        sys.path.insert(0, {str(folder)!r})
        import childwork
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("s"), ctx.emit.task("t"):
                child = multiprocessing.get_context({method!r}).Process(target=childwork.work)
                child.start()
                child.join()
            return child.exitcode
        if __name__ == "__main__":
            print("CODE", app.run("x")[1].result)
        """,
    )
    assert b"CODE -9" in done.stdout, done.stderr
    index_rest(home)
    with stored(home) as store:
        found = [whole.decode() for line, whole in store.lines() if line.task_id == "t"]
        for word in ("print", "log"):
            mine = [text for text in found if text.startswith(word)]
            assert mine == [f"{word} {n}" for n in range(500)]
        assert store.receipt().complete


def test_threads_that_outlive_the_run_do_no_harm(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        go = threading.Event()
        @app.handler("x")
        def x(ctx, payload):
            def late():
                go.wait()
                print("late print")
                log.warning("late log")
                ctx.emit.info("late emit")
            x.thread = threading.Thread(target=late)
            x.thread.start()
        app.run("x")
        go.set()
        x.thread.join()
        app.run("x")
        x.thread.join()
        print("END")
        """,
    )
    assert b"END" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
    index_rest(home)
    with stored(home) as store:
        for job in store.jobs:
            assert store.status(job) == ("completed", "completed")
            assert store.receipt(job).complete


def test_many_processes_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    indexer = IndexerProcess(home)
    many, lines = times(8, 24), times(400, 5_000)
    try:
        programs = [
            start_program(
                home,
                f"""
                @app.handler("x")
                def x(ctx, payload):
                    for n in range({lines}):
                        ctx.emit.info(f"line {{n}}")
                app.run("x")
                """,
                stdout=subprocess.DEVNULL,
            )
            for _ in range(many)
        ]
        for program in programs:
            _, err = program.communicate(timeout=120)
            assert program.returncode == 0, err
    finally:
        indexer.stop()
    with stored(home) as store:
        assert len(store.jobs) == many
        for job in store.jobs:
            assert store.texts(job) == [f"line {n}" for n in range(lines)]
            assert store.receipt(job).complete


def test_no_spool_is_left_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            os.system("echo from a child")
            os.write(1, b"bytes\\n")
        app.run("x")
        """,
    )
    from qntx.journal.spool_files import spool_folder

    assert segments(home) == []
    assert not any(spool_folder(home).iterdir())
