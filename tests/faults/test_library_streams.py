"""What libraries and tools do to standard streams: it works as elsewhere, and the rest is heard."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.test_program_streams import PYTHON, qntx_run
from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)


def judge(home: Path, said: list[str]) -> None:
    """Exactly this was said, and all streams were seen to their ends."""
    with stored(home) as store:
        assert store.texts() == said
        assert store.receipt().complete, store.receipt().text


def test_pytest_in_a_job_captures_what_its_tests_write(tmp_path: Path) -> None:
    """``capfd``: descriptors 1 and 2 lead to files of pytest's for a while."""
    home, tests = tmp_path / "home", tmp_path / "test_it.py"
    tests.write_text(
        "import os, subprocess\n"
        "def test_it(capfd):\n"
        "    os.write(1, b'mine\\n')\n"
        "    subprocess.run(['echo', 'of a child'])\n"
        "    os.system('echo of a shell >&2')\n"
        "    assert tuple(capfd.readouterr()) == ('mine\\nof a child\\n', 'of a shell\\n')\n"
    )
    done = run_program(
        home,
        f"""
        import pytest
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"before\\n")
            code = pytest.main(["-qq", "-p", "no:cacheprovider", "--rootdir=/", {str(tests)!r}])
            os.write(1, b"after\\n")
            return int(code)
        print("RESULT", app.run("x")[1].result)
        """,
    )
    assert b"RESULT 0" in done.stdout, (done.stdout, done.stderr)
    index_rest(home)
    with stored(home) as store:
        texts = store.texts()
        assert (texts[0], texts[-1]) == ("before", "after")
        assert not {"mine", "of a child", "of a shell"} & set(texts)
        assert store.receipt().complete, store.receipt().text


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_process_gets_the_file_that_the_job_has_put_there(tmp_path: Path, method: str) -> None:
    home, file = tmp_path / "home", tmp_path / "file"
    run_program(
        home,
        f"""
        import multiprocessing
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"before\\n")
            kept = os.dup(1)
            own = os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(own, 1)
            context = multiprocessing.get_context({method!r})
            child = context.Process(target=os.system, args=("echo out; echo err >&2",))
            child.start()
            child.join()
            os.dup2(kept, 1)
            os.close(kept)
            os.write(1, b"after\\n")
        if __name__ == "__main__":
            app.run("x")
        """,
    )
    assert file.read_text() == "out\n"
    index_rest(home)
    with stored(home) as store:
        assert sorted(store.texts()) == ["after", "before", "err"]
        assert store.receipt().complete, store.receipt().text


def test_pipes_of_wurlitzer_get_what_c_code_writes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import wurlitzer
        @app.handler("x")
        def x(ctx, payload):
            os.write(1, b"before\\n")
            with wurlitzer.pipes() as (out, err):
                os.write(1, b"of C\\n")
                os.system("echo of a shell >&2")
            os.write(1, b"after\\n")
            return [out.read(), err.read()]
        print("RESULT", app.run("x")[1].result)
        """,
    )
    assert b"RESULT ['of C\\n', 'of a shell\\n']" in done.stdout, (done.stdout, done.stderr)
    judge(home, ["before", "after"])


def test_a_daemon_that_lets_go_of_its_streams_holds_no_receipt_open(tmp_path: Path) -> None:
    """Twice forked, a session of its own, /dev/null behind the standard three."""
    home, go_on, file = tmp_path / "home", tmp_path / "go on", tmp_path / "file"
    daemon = (
        "import os, sys, time\n"
        "print('starts', flush=True)\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "for number in range(3): os.dup2(null, number)\n"
        f"while not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n"
        "print('nobody hears this', flush=True)\n"
        f"open({str(file)!r}, 'w').close()\n"
    )
    code, shown = qntx_run(home, PYTHON, "-c", daemon)
    assert (code, shown) == (0, ["", "starts"])
    index_rest(home)
    assert not file.exists()  # it is at work, and the receipt does not wait for it
    judge(home, ["starts"])
    go_on.touch()


@pytest.mark.skipif(shutil.which("script") is None, reason="script is not installed")
def test_a_program_at_a_terminal_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    inner = "test -t 1 && echo at a terminal; for n in $(seq 300); do echo $n; done"
    assert qntx_run(home, "script", "-qec", inner, "/dev/null")[0] == 0
    judge(home, [f"{text}\r" for text in ("at a terminal", *range(1, 301))])


def test_a_writer_that_does_not_block_waits_as_at_every_pipe(tmp_path: Path) -> None:
    home = tmp_path / "home"
    writer = (
        "import os, select\n"
        "os.set_blocking(1, False)\n"
        "data = b''.join(b'line %d\\n' % n for n in range(200_000))\n"
        "while data:\n"
        "    select.select([], [1], [])\n"
        "    try: data = data[os.write(1, data):]\n"
        "    except BlockingIOError: pass\n"
    )
    assert qntx_run(home, PYTHON, "-c", writer)[0] == 0
    judge(home, [f"line {n}" for n in range(200_000)])


def test_asyncio_streams_on_the_standard_descriptors(tmp_path: Path) -> None:
    """``connect_write_pipe`` takes pipes, and sets them not to block, as it does elsewhere."""
    home = tmp_path / "home"
    writer = (
        "import asyncio, sys\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    transport, protocol = await loop.connect_write_pipe(\n"
        "        asyncio.streams.FlowControlMixin, sys.stdout)\n"
        "    stream = asyncio.StreamWriter(transport, protocol, None, loop)\n"
        "    for n in range(50_000):\n"
        "        stream.write(b'line %d\\n' % n)\n"
        "        await stream.drain()\n"
        "    transport.set_write_buffer_limits(0)\n"
        "    await stream.drain()\n"
        "    transport.close()\n"
        "asyncio.run(main())\n"
    )
    assert qntx_run(home, PYTHON, "-c", writer)[0] == 0
    judge(home, [f"line {n}" for n in range(50_000)])
