"""What programs do to their standard streams: nothing that was written is lost by it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qntx.journal.spool import Spool
from tests.support.data_directory import index_rest, stored
from tests.support.paths import ROOT
from tests.support.programs import run_program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
PYTHON = sys.executable


def qntx_run(home: Path, *command: str) -> tuple[int, list[str]]:
    """``qntx run`` of a command; returns its code and what it showed on its console, sorted."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "qntx.cli",
            "--home",
            str(home),
            "run",
            "-q",
            "--",
            *command,
        ],
        check=False,
        capture_output=True,
        cwd=home.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    return done.returncode, sorted((done.stdout + done.stderr).decode().split("\n"))


#: In the middle of a program, what opens, truncates or otherwise treats a standard stream.
TREATMENTS = {
    "Python opens stderr": f"{PYTHON} -c \"open('/dev/stderr', 'w').write('two\\n')\"",
    "Python truncates": f'{PYTHON} -c "import os; os.ftruncate(1, 0)" 2>&-; echo two',
    "the shell opens stderr": "echo two > /dev/stderr",
    "the shell opens stdout": "echo two > /dev/stdout",
    "tee": "echo two | tee /dev/stderr > /dev/null",
    "tee to a number": "exec 3>&1; echo two | tee /dev/fd/3 > /dev/null; exec 3>&-",
    "dd": "echo two | dd of=/dev/stdout status=none",
    "by number": "echo two > /proc/self/fd/1",
    "seeks": f'{PYTHON} -c "import os; os.lseek(1, 0, 0)" 2>&-; echo two',
    "sets flags": f'{PYTHON} -c "import os; os.set_blocking(1, False)"; echo two',
    "closes": "(exec 1>&- 2>&-; true); echo two",
    "another user": "setpriv --reuid 65534 --clear-groups sh -c 'echo two > /dev/stderr'",
    "a mount namespace": "unshare -m sh -c 'echo two > /dev/stdout'",
}
_AS_ROOT = {"another user", "a mount namespace"}


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_stream_that_is_opened_anew_keeps_what_it_has(tmp_path: Path, treatment: str) -> None:
    if treatment in _AS_ROOT and os.geteuid() != 0:
        pytest.skip("needs root")
    script = f"for n in $(seq 220); do echo $n; done; {TREATMENTS[treatment]}; echo three"
    code, shown = qntx_run(tmp_path / "home", "sh", "-c", script)
    said = sorted([*map(str, range(1, 221)), "two", "three"])
    assert code == 0
    with stored(tmp_path / "home") as store:
        assert sorted(store.texts()) == said
        assert store.receipt().text.startswith("complete: 222 of 222")
    assert [line for line in shown if line] == said


@pytest.mark.parametrize("treatment", ["the shell opens stderr", "tee", "dd"])
def test_so_do_those_of_a_job(tmp_path: Path, treatment: str) -> None:
    """Descriptors 1 and 2 of the process itself, which its children inherit by ``os.system``."""
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"one\\n")
            os.write(2, b"uno\\n")
            pid = os.fork()
            if not pid:
                os.execvp("sh", ["sh", "-c", {TREATMENTS[treatment]!r}])
            os.waitpid(pid, 0)
            os.write(1, b"three\\n")
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert sorted(store.texts()) == ["one", "three", "two", "uno"]
        assert store.receipt().complete


def test_a_program_that_leads_its_descriptors_elsewhere_has_it_there(tmp_path: Path) -> None:
    """``dup2`` to a file of its own, back again, and a daemon that goes to /dev/null."""
    home, file = tmp_path / "home", tmp_path / "file"
    run_program(
        home,
        f"""
        import subprocess
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"before\\n")
            kept = os.dup(1)
            own = os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT)
            os.dup2(own, 1)
            os.write(1, b"its own\\n")
            subprocess.run(["echo", "its child's"], stdout=1)
            os.dup2(kept, 1)
            os.write(1, b"after\\n")
        app.run("x")
        """,
    )
    assert file.read_text() == "its own\nits child's\n"
    index_rest(home)  # the program has kept a way to its own stdout until its very end
    with stored(home) as store:
        assert store.texts() == ["before", "after"]
        assert store.receipt().complete


def test_a_daemon_left_behind_is_heard_and_the_receipt_waits_for_it(tmp_path: Path) -> None:
    home, go_on = tmp_path / "home", tmp_path / "go on"
    script = f"(until test -e '{go_on}'; do sleep 0.05; done; echo late) & echo early"
    assert qntx_run(home, "sh", "-c", script)[0] == 0
    with stored(home) as store:
        assert store.texts() == ["early"]
        assert store.receipt().text.startswith("so far")
    go_on.touch()

    def stored_later() -> bool:
        index_rest(home)
        with stored(home) as store:
            return store.texts() == ["early", "late"] and store.receipt().complete

    wait_until(stored_later)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_on_the_size_of_files_ends_nobody(tmp_path: Path, limit: int) -> None:
    script = f"ulimit -f {limit}; for n in $(seq 2000); do echo line $n; done"
    assert qntx_run(tmp_path / "home", "bash", "-c", script)[0] == 0
    with stored(tmp_path / "home") as store:
        assert store.texts() == [f"line {n}" for n in range(1, 2001)]
        assert store.receipt().complete


def test_a_job_that_limits_its_files_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import resource, subprocess
        @app.handler("x")
        def x(ctx, payload):
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            for number in range(2000):
                os.write(1, b"line %d\\n" % number)
            subprocess.run(["echo", "child"], check=True)
            return "over"
        print(app.run("x")[1].result)
        """,
    )
    assert b"over" in done.stdout, done.stderr
    with stored(home) as store:
        assert sorted(store.texts()) == sorted(["child", *(f"line {n}" for n in range(2000))])
        assert store.receipt().complete


def test_a_program_that_closes_every_descriptor_gets_ours_for_its_own(tmp_path: Path) -> None:
    """As daemons do; descriptors of its own take the numbers of ours, and nobody touches them."""
    done = run_program(
        tmp_path / "home",
        """
        from qntx.journal.spool import Spool
        first = Spool(home, "P", "stdout")
        os.write(first.fd, b"first")
        os.dup2(first.fd, 1)
        os.closerange(3, 256)
        pipes = [os.pipe() for _ in range(60)]
        for _, end in pipes:
            os.write(end, b"mine")
        second = Spool(home, "P", "stderr")
        os.write(second.fd, b"second")
        os.write(1, b", and on")
        second.settle()
        if os.fork() == 0:
            os._exit(0)
        assert [os.read(end, 9) for end, _ in pipes] == [b"mine"] * 60
        os.close(1)
        for spool, said in ((first, b"first, and on"), (second, b"second")):
            while spool.path.read_bytes()[512:] != said:
                time.sleep(0.001)
        sys.stderr.write("all there")
        os._exit(0)
        """,
    )
    assert done.stderr.endswith(b"all there")


def test_many_children_at_once_do_not_use_up_the_descriptors(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import resource, subprocess
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        @app.handler("x")
        def x(ctx, payload):
            children = [subprocess.Popen(["sh", "-c", f"read x; echo {n}"], stdin=subprocess.PIPE)
                for n in range(150)]
            for child in children:
                child.communicate(b"\\n")
            return sum(child.returncode for child in children)
        done = app.run("x")[1]
        print(done.result, done.error)
        """,
    )
    assert b"0 None" in done.stdout, done.stderr
    with stored(home) as store:
        assert sorted(store.texts()) == sorted(map(str, range(150)))
        assert store.receipt().complete


def test_a_stream_of_a_data_directory_has_a_pipe_and_a_private_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "P", "stdout")
    assert spool.path.stat().st_mode & 0o777 == 0o600
    assert spool.path.parent.stat().st_mode & 0o777 == 0o700
    assert os.fstat(spool.fd).st_mode & 0o777 == 0o622
    os.write(spool.fd, b"said\n")
    assert spool.settle() == (512 + 5, False)
    spool.close()
    assert spool.settle() == (512 + 5, True)
    spool.forget()


def test_a_stream_that_another_thread_lets_go_of_is_no_error(tmp_path: Path) -> None:
    """A stage begins in one thread while the run that has the descriptors ends in another."""
    found: set[tuple[int, bool]] = set()
    for _ in range(200):
        spool = Spool(tmp_path, "P", "stdout")
        os.write(spool.fd, b"said\n")
        begun = threading.Event()

        def settle(spool: Spool = spool, begun: threading.Event = begun) -> None:
            for _ in range(20):
                begun.set()
                found.add(spool.settle())

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(settle)
            begun.wait()
            spool.forget()
            done.result()
    assert found <= {(512, False), (517, False), (517, True)}
