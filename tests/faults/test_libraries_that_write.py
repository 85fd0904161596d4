"""Libraries that draw on the standard streams, or lead them elsewhere, within a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)


def test_bars_of_tqdm_are_their_last_frame_each_in_threads_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        from concurrent.futures import ThreadPoolExecutor
        from tqdm import tqdm
        def bar(name):
            for _ in tqdm(range(20), desc=name, mininterval=0, position=0):
                pass
        @app.handler("x")
        def x(ctx, payload):
            with ctx.emit.stage("s"):
                bar("alone")
                tqdm.write("a note")
                with ThreadPoolExecutor(3) as pool:
                    list(pool.map(bar, ["one", "two", "three"]))
        app.run("x")
        """,
    )
    assert done.returncode == 0, done.stderr
    for name in ("alone", "one", "two", "three"):  # the console has every frame
        assert done.stderr.count(f"\r{name}:".encode()) >= 21
    with stored(home) as store:
        texts = store.texts()
        for name in ("alone", "one", "two", "three"):
            bars = [text for text in texts if text.startswith(f"{name}: 100%")]
            assert len(bars) == 1, texts
        assert "a note" in texts
        assert store.receipt().complete
        assert {line.stage for line, _ in store.lines()} == {"s"}


def test_what_wurlitzer_catches_it_has_and_what_comes_after_is_captured(tmp_path: Path) -> None:
    home, caught = tmp_path / "home", tmp_path / "caught"
    done = run_program(
        home,
        f"""
        import ctypes, subprocess, wurlitzer
        libc = ctypes.CDLL(None)
        def say(word):
            libc.puts(f"C {{word}}".encode())
            libc.fflush(None)
            os.write(2, f"descriptor {{word}}\\n".encode())
            os.system(f"echo system {{word}}")
            subprocess.run(["echo", f"child {{word}}"])
        @app.handler("x")
        def x(ctx, payload):
            say("before")
            with wurlitzer.pipes() as (out, err):
                say("within")
            Path({str(caught)!r}).write_text(out.read() + err.read())
            say("after")
        app.run("x")
        """,
    )
    assert done.returncode == 0, done.stderr
    index_rest(home)
    whats = ["C", "system", "child", "descriptor"]
    assert caught.read_text().splitlines() == [f"{what} within" for what in whats]
    with stored(home) as store:
        said = sorted(f"{what} {when}" for what in whats for when in ("before", "after"))
        assert sorted(store.texts()) == said
        assert store.receipt().complete
