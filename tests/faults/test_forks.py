"""A job that forks: no thread of ours is in its way, and all of them go on afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program
from tests.support.workers import working

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("door", ["run", "capture"])
def test_no_thread_of_ours_runs_beside_a_fork(tmp_path: Path, door: str) -> None:
    """Python 3.12 and later warn of a fork in a process with threads."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import qntx
        # As Python counts them; registered before anything of ours, and so called after it.
        counted = []
        os.register_at_fork(before=lambda: counted.append(len(os.listdir("/proc/self/task"))))
        def forks():
            for number in range(50):
                os.write(1, b"line %d\\n" % number)
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
        @app.handler("x", timeout_s=100)
        def x(ctx, payload):
            forks()
        if {door!r} == "run":
            assert app.run("x")[1].status == "completed"
        else:
            with qntx.capture("x", home=home):
                forks()
        sys.stderr.write(f"counted {{set(counted)}} in {{len(counted)}}\\n")
        """,
    )
    assert done.returncode == 0, done.stderr
    assert b"counted {1} in 50" in done.stderr
    # The thread that shows what went past Python goes on after each of them.
    assert done.stdout.splitlines() == [b"line %d" % number for number in range(50)]
    with stored(home) as store:
        assert store.texts() == [f"line {number}" for number in range(50)]


def test_a_worker_is_alone_in_its_process_when_a_job_forks(tmp_path: Path) -> None:
    with working(tmp_path / "home", 1) as running:
        for _ in range(2):  # afterwards it hears of the next job
            job: Any = running.final(running.app.enqueue("test.forks"))
            assert (job.status, job.result) == ("completed", [1] * 20)


def test_forks_in_many_threads_leave_ours_at_work(tmp_path: Path) -> None:
    """Each stops them, and they go on when the last of these forks is over."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import multiprocessing
        from qntx.journal.background_threads import BackgroundThread
        at_work = threading.Semaphore(0)
        def work(stop):
            at_work.release()
            stop.wait()
        thread = BackgroundThread("ours", work)
        thread.start()
        def fork():
            for number in range(25):
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
        threads = [threading.Thread(target=fork) for _ in range(4)]
        for one in threads: one.start()
        for one in threads: one.join()
        while at_work.acquire(blocking=False):
            pass
        thread.stop()
        thread.start()
        assert at_work.acquire(timeout=20)
        names = [one.name for one in threading.enumerate()]
        assert names.count("ours") == 1, names
        child = os.fork()
        if child == 0:
            os._exit(len(threading.enumerate()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        assert at_work.acquire(timeout=20)
        print("END")
        """,
    )
    assert b"END" in done.stdout, done.stderr
