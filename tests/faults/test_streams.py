"""Programs that treat ``sys.stdout`` as what it is without capture: it is that, and still heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

#: As in a worker, where nothing that is captured is shown anywhere.
WORKER = "from qntx.recording.session import no_console; no_console()"
#: Ways to give a child, or C code, the standard output or error of this process.
GIVEN = {
    "stdout=sys.stdout": "subprocess.run(['echo', 'words'], stdout=sys.stdout, check=True)",
    "stdout=its number": "subprocess.run(['echo', 'words'], stdout=sys.stdout.fileno())",
    "stdout=1": "subprocess.run(['echo', 'words'], stdout=1)",
    "stderr=sys.stdout": "subprocess.run('echo words >&2', shell=True, stderr=sys.stdout)",
    "stdout=sys.stderr": "subprocess.run(['echo', 'words'], stdout=sys.stderr)",
    "both": "subprocess.run('echo words', shell=True, stdout=sys.stdout, stderr=sys.stdout)",
    "in a spawned child": "run_elsewhere('spawn')",
    "in a forked child": "run_elsewhere('fork')",
    "os.write": "os.write(sys.stdout.fileno(), b'words\\n')",
    "faulthandler": "print('words'); faulthandler.enable(); faulthandler.dump_traceback()",
}


@pytest.mark.parametrize("door", ["foreground", "worker"])
@pytest.mark.parametrize("name", GIVEN)
def test_what_is_written_to_the_number_of_a_stream_is_captured(
    tmp_path: Path, name: str, door: str
) -> None:
    home = tmp_path / "home"
    result = tmp_path / "result"
    run_program(
        home,
        f"""
        import faulthandler, multiprocessing, subprocess
        def child():
            subprocess.run(["echo", "words"], stdout=sys.stdout, check=True)
        def run_elsewhere(method):
            process = multiprocessing.get_context(method).Process(target=child)
            process.start()
            process.join()
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("s"):
                {GIVEN[name]}
        if __name__ == "__main__":
            {WORKER if door == "worker" else ""}
            Path({str(result)!r}).write_text(str(app.run("x")[1].error))
        """,
    )
    assert result.read_text() == "None"
    with stored(home) as store:
        (line,) = [line for line, whole in store.lines() if whole == b"words"]
        if name.startswith(("std", "both")):
            assert (line.stage, line.source) == ("s", "subprocess")
            assert line.level == ("warn" if "=sys.stderr" in name else "info")
        if name == "faulthandler":
            assert any("most recent call first" in text for text in store.texts())


def test_a_descriptor_that_the_program_led_elsewhere_stays_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = tmp_path / "file"
    run_program(
        home,
        f"""
        import subprocess
        @app.handler("x")
        def x(ctx, payload):
            os.dup2(os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT), 1)
            subprocess.run(["echo", "words"], stdout=1)
        app.run("x")
        """,
    )
    assert file.read_text() == "words\n"


TEE = """
        class Tee:
            def __init__(self, stream): self.stream = stream
            def write(self, text): return self.stream.write(text)
            def flush(self): self.stream.flush()
"""


def test_a_stream_of_the_programs_own_that_stays_behind_writes_to_the_console(
    tmp_path: Path,
) -> None:
    """And never to a file that the program opened later; the next run has each line once."""
    done = run_program(
        tmp_path / "home",
        f"""
        import qntx
        {TEE}
        with qntx.capture("one", home=home):
            sys.stdout = Tee(sys.stdout)
            print("first")
        files = [open(home / f"file{{n}}", "w") for n in range(40)]
        print("between")
        with qntx.capture("two", home=home):
            print("second")
        for file in files:
            file.close()
        assert not any((home / f"file{{n}}").read_text() for n in range(40)), "in a file"
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.splitlines() == [b"first", b"between", b"second"]
    with stored(tmp_path / "home") as store:
        assert [store.texts(job) for job in store.jobs] == [["first"], ["second"]]


def test_streams_and_handlers_of_an_earlier_run_are_captured_once(tmp_path: Path) -> None:
    done = run_program(
        tmp_path / "home",
        """
        import contextlib, io, qntx
        kept = []
        for number in range(3):
            with qntx.capture("again", home=home):
                logging.basicConfig()
                kept.append(sys.stdout)
                log.warning("logged")
                print("kept", file=kept[0])
                print("plain")
        """,
    )
    assert done.stdout.splitlines() == [b"kept", b"plain"] * 3, done.stderr
    assert done.stderr.splitlines() == [b"WARNING:job:logged"] * 3
    with stored(tmp_path / "home") as store:
        for job in store.jobs:
            assert store.texts(job) == ["logged", "kept", "plain"]


def test_a_redirection_that_outlives_a_run_puts_back_a_stream_that_works(tmp_path: Path) -> None:
    done = run_program(
        tmp_path / "home",
        """
        import contextlib, io, qntx
        redirection = contextlib.redirect_stdout(io.StringIO())
        with qntx.capture("one", home=home):
            redirection.__enter__()
        redirection.__exit__(None, None, None)
        print("between")
        with qntx.capture("two", home=home):
            print("second")
        print("after")
        """,
    )
    assert done.stdout.splitlines() == [b"between", b"second", b"after"], done.stderr
    with stored(tmp_path / "home") as store:
        assert [store.texts(job) for job in store.jobs] == [[], ["second"]]


@pytest.mark.parametrize("door", ["foreground", "worker"])
def test_text_in_a_wrapper_around_the_binary_side_is_in_the_log_of_its_run(
    tmp_path: Path, door: str
) -> None:
    """It stays in the wrapper's buffer until somebody flushes it; and closing it hurts nobody."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import io
        {WORKER if door == "worker" else ""}
        @app.handler("x")
        def x(ctx, payload):
            sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
            print(payload)
        for number in range(3):
            outcome = app.run("x", f"words {{number}}")[1]
            sys.stderr.write(f"{{outcome.error}}\\n")
        """,
    )
    assert done.stderr.split() == ([b"None"] * 3 if door == "foreground" else []), done.stderr
    with stored(home) as store:
        for number, job in enumerate(store.jobs):
            assert store.texts(job) == [f"words {number}"]
            assert store.status(job) == ("completed", "completed")


def test_a_wrapper_that_is_collected_closes_the_stream_for_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        import io
        @app.handler("x")
        def x(ctx, payload):
            for number in range(3):
                out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
                out.write(f"words {number}\\n")
                del out
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert store.texts() == [f"words {number}" for number in range(3)]
