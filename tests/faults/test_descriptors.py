"""Descriptors 1 and 2 of a process: of the run that is at work there, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

#: As in a worker, whose descriptors stay captured from one run to the next.
WORKER = "from qntx.recording.session import no_console; no_console()"
DOORS = {"foreground": "", "worker": WORKER}


@pytest.mark.parametrize("door", DOORS)
def test_a_run_inside_of_another_leaves_it_the_descriptors(tmp_path: Path, door: str) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        {DOORS[door]}
        @app.handler("inner")
        def inner(ctx, payload):
            print("inner")
        @app.handler("outer")
        def outer(ctx, payload):
            os.write(1, b"before\\n")
            app.run("inner")
            os.write(1, b"after\\n")
            os.write(2, b"at last\\n")
        app.run("outer")
        """,
    )
    with stored(home) as store:
        outer, inner = store.jobs
        assert sorted(store.texts(outer)) == ["after", "at last", "before"]
        assert store.texts(inner) == ["inner"]


def test_the_descriptors_pass_to_a_run_that_is_still_at_work(tmp_path: Path) -> None:
    """Two runs at once: raw output belongs to one of them, and never to one that is over."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {WORKER}
        first_in, first_over = threading.Event(), threading.Event()
        @app.handler("first")
        def first(ctx, payload):
            os.write(1, b"of the first\\n")
            first_in.set()
            second_in.wait(20)
        @app.handler("second")
        def second(ctx, payload):
            second_in.set()
            first_over.wait(20)
            os.write(1, b"of the second\\n")
        second_in = threading.Event()
        with app.indexing():
            one = threading.Thread(target=app.run, args=("first",))
            one.start()
            first_in.wait(20)
            two = threading.Thread(target=app.run, args=("second",))
            two.start()
            one.join()
            first_over.set()
            two.join()
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        first, second = store.jobs
        assert store.texts(first) == ["of the first"]
        assert store.texts(second) == ["of the second"]


@pytest.mark.parametrize(
    "bend", ["os.close(1)", "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)"], ids=["closed", "led"]
)
def test_a_job_that_loses_its_descriptors_takes_none_from_the_next(
    tmp_path: Path, bend: str
) -> None:
    home = tmp_path / "home"
    run_program(
        home,
        f"""
        {WORKER}
        @app.handler("bends")
        def bends(ctx, payload):
            {bend}
        @app.handler("next")
        def next_one(ctx, payload):
            os.write(1, b"raw\\n")
        app.run("bends")
        app.run("next")
        """,
    )
    with stored(home) as store:
        assert store.texts(store.jobs[1]) == ["raw"]


@pytest.mark.parametrize("when", ["from the start", "for a child"])
def test_where_no_spool_can_be_made_the_job_runs_and_says_so(tmp_path: Path, when: str) -> None:
    """
    Its own words are in the log as ever, and what a child says is on the console at least.

    Where the process itself is captured a child is heard by that; else the log lacks it, and says.
    """
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import subprocess
        from qntx.journal.spool_files import spool_folder
        folder = spool_folder(home)
        def take_away():
            folder.mkdir(parents=True, exist_ok=True)
            os.rename(folder, f"{{folder}}.away")
            folder.write_text("")
        def give_back():
            folder.unlink()
            os.rename(f"{{folder}}.away", folder)
        @app.handler("x")
        def x(ctx, payload):
            if {when == "for a child"}:
                take_away()
            subprocess.run(["echo", "child"], check=True)
            print("parent")
            give_back()
        if {when == "from the start"}:
            take_away()
        print(app.run("x")[1].status)
        """,
    )
    assert done.stdout.splitlines().count(b"completed") == 1, done.stderr
    assert b"child" in done.stdout
    with stored(home) as store:
        texts = store.texts()
        assert "parent" in texts
        if when == "for a child":
            assert "child" in texts
            assert any("no stream of its own" in text for text in texts)
        else:
            assert any("lost here: the output of descriptors 1 and 2" in text for text in texts)
        assert store.receipt().complete == (when == "for a child")
