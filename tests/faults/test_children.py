"""Child processes of a run, however they are started and whoever waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.recording.subprocesses import name_of
from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

#: As in a worker, which goes on when a run is over.
WORKER = "from qntx.recording.session import no_console; no_console()"
DOORS = {"foreground": "", "worker": WORKER}


@pytest.mark.parametrize("door", DOORS)
def test_a_child_of_asyncio_says_everything_before_what_follows_its_end(
    tmp_path: Path, door: str
) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        {DOORS[door]}
        import asyncio
        @app.handler("x")
        async def x(ctx, payload):
            for number in range(20):
                child = await asyncio.create_subprocess_exec(
                    "sh", "-c", f"echo line {{number}}; printf 'rest {{number}}'"
                )
                await child.wait()
                print("after", number)
        app.run("x")
        """,
    )
    with stored(home) as store:
        said = [f"{word} {n}" for n in range(20) for word in ("line", "rest", "after")]
        assert store.texts() == said


STARTS = {
    "nobody waits": "subprocess.Popen(['true'])",
    "there is none": "suppressed(lambda: subprocess.Popen(['there-is-no-such-program']))",
    "its name is wrong": "suppressed(lambda: subprocess.Popen(['a\\0b']))",
    "waited for": "subprocess.run(['true'])",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", STARTS)
def test_children_leave_no_descriptors_behind(tmp_path: Path, name: str, door: str) -> None:
    """A worker that starts many of them in its life would have none left."""
    result = tmp_path / "result"
    run_program(
        tmp_path / "home",
        f"""
        {DOORS[door]}
        import resource, subprocess
        def suppressed(call):
            try:
                call()
            except (OSError, ValueError) as error:
                assert not isinstance(error, OSError) or error.errno == 2, error
        @app.handler("x")
        def x(ctx, payload):
            for number in range(200):
                {STARTS[name]}
                if number % 20 == 0:
                    while not_over():
                        os.sched_yield()
        def not_over():
            subprocess._cleanup()
            return len(os.listdir("/proc/self/fd")) > 60
        resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))
        Path({str(result)!r}).write_text(str(app.run("x")[1].error))
        """,
    )
    assert result.exists()
    assert result.read_text() == "None"


def test_what_a_child_says_that_nobody_waits_for_is_stored_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        import subprocess
        @app.handler("x")
        def x(ctx, payload):
            child = subprocess.Popen("echo line; printf rest", shell=True)
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert store.texts() == ["line", "rest"]


def test_os_system_takes_what_it_takes_without_capture(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            script = home / "script"
            script.write_text("#!/bin/sh\\necho words; exit 3")
            script.chmod(0o700)
            for command in (script, str(script), bytes(script)):
                assert os.waitstatus_to_exitcode(os.system(command)) == 3
            try:
                os.system(5)
            except TypeError:
                print("refused")
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert store.texts() == ["words", "words", "words", "refused"]


def test_a_file_that_is_the_console_has_what_children_and_parent_say(tmp_path: Path) -> None:
    """A spawned child opens it anew: neither may write over what the other has written."""
    shown = tmp_path / "shown"
    with shown.open("wb") as out:
        run_program(
            tmp_path / "home",
            """
            import multiprocessing
            def work():
                print("from the child")
            @app.handler("x")
            def x(ctx, payload):
                for number in range(2):
                    print(f"before {number}")
                    child = multiprocessing.get_context("spawn").Process(target=work)
                    child.start()
                    child.join()
                    print(f"after {number}")
            if __name__ == "__main__":
                app.run("x")
            """,
            stdout=out,
        )
    assert shown.read_text().splitlines() == [
        "before 0",
        "from the child",
        "after 0",
        "before 1",
        "from the child",
        "after 1",
    ]


def test_a_command_that_can_be_gone_through_only_once_runs_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        """
        import subprocess
        @app.handler("x")
        def x(ctx, payload):
            subprocess.run(word for word in ["echo", "all", "words"])
        app.run("x")
        """,
    )
    with stored(home) as store:
        assert store.texts() == ["all words"]
        assert store.receipt().complete


def test_a_child_is_called_by_its_program() -> None:
    names = {
        ("/opt/my tool/run it", "-x"): "run it",
        "/usr/bin/make -j2 all": "make",
        b"make all": "make",
        Path("/usr/bin/make"): "make",
        (): "",
        "": "",
        7.5: "",
    }
    assert {command: name_of(command) for command in names} == names
