"""Threads that a run leaves behind in a worker: what they say later is still its."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

WAYS = {
    "print": "print('late')",
    "no newline": "sys.stdout.write('late')",
    "logging": "log.warning('late')",
    "emitter": "ctx.emit.info('late')",
    "warning": "import warnings; warnings.warn('late')",
    "subprocess": "import subprocess; subprocess.run(['echo', 'late'])",
    "exception": "raise ValueError('late')",
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("beside", [True, False], ids=["beside another", "between runs"])
def test_what_a_thread_says_after_its_run_is_in_the_log_of_that_run(
    tmp_path: Path, name: str, beside: bool
) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        from qntx.recording.session import no_console
        no_console()
        over = threading.Event()
        @app.handler("leaves")
        def leaves(ctx, payload):
            def work():
                over.wait(20)
                {WAYS[name]}
            with ctx.emit.stage("background"):
                threads.append(threading.Thread(target=work))
                threads[0].start()
        @app.handler("next")
        def next_one(ctx, payload):
            if {beside}:
                over.set()
                threads[0].join()
            print("of the next")
        threads = []
        with app.indexing():
            app.run("leaves")
            if not {beside}:
                over.set()
                threads[0].join()
            app.run("next")
        """,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        left, other = store.jobs
        ((line, whole),) = store.lines(left)
        assert b"late" in whole
        assert line.stage == "background"
        assert store.texts(other) == ["of the next"]
        assert store.receipt(left).complete


def test_what_python_reports_when_the_interpreter_ends_is_whole(tmp_path: Path) -> None:
    """In a worker the hooks stay until then, when the module that has them is cleared already."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from qntx.recording.session import no_console; no_console()
        class Held:
            def __del__(self, reason="the last word"):
                raise ValueError(reason)
        @app.handler("x")
        def x(ctx, payload):
            sys._held = Held()
        app.run("x")
        """,
    )
    assert b"unraisablehook" not in done.stderr, done.stderr
    index_rest(home)
    with stored(home) as store:
        said = "\n".join(store.texts())
    assert "the last word" in said + done.stderr.decode()
    assert "unraisablehook" not in said
