"""``qntx logs`` while a job draws a progress bar: one growing line, then one line."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

#: Draws until somebody makes a file, then says that it is over.
BAR = """
import os, sys, time
number = 0
while not os.path.exists(sys.argv[1]):
    sys.stdout.write(f"\\rprogress {number}%")
    sys.stdout.flush()
    number += 1
    time.sleep(0.05)
print("\\nend")
"""


def qntx(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "qntx", "--home", str(home), *arguments]


def shown(home: Path, job: str, *options: str) -> str:
    done = subprocess.run(qntx(home, "logs", job, *options), capture_output=True, check=True)
    return done.stdout.decode()


def followed(home: Path, job: str, *, until: bytes, then: Callable[[], object]) -> bytes:
    """What a terminal gets of ``qntx logs -f``; *then* is done when it has seen *until*."""
    ours, terminal = pty.openpty()
    seen = b""
    with subprocess.Popen(qntx(home, "logs", job, "-f"), stdout=terminal) as following:
        try:
            os.close(terminal)
            with suppress(OSError):  # EIO: the terminal's other end is closed
                while select.select([ours], [], [], 60)[0] and (data := os.read(ours, 4096)):
                    before, seen = until in seen, seen + data
                    if until in seen and not before:
                        then()
            assert following.wait(60) == 0
        finally:
            following.kill()
            os.close(ours)
    return seen


def test_a_progress_bar_is_one_line_that_grows(tmp_path: Path) -> None:
    home, go = tmp_path / "home", tmp_path / "go"
    command = qntx(home, "run", "-q", "--", sys.executable, "-uc", BAR, str(go))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as drawing:
        try:
            wait_until(lambda: (home / "qntx.db").exists())
            with stored(home) as store:
                wait_until(lambda: store.jobs)
                job = store.job()
            wait_until(lambda: "progress" in shown(home, job))
            [line] = shown(home, job).splitlines()
            assert line.endswith("frames)"), line
            assert shown(home, job, "--json") == ""
            seen = followed(home, job, until=b"progress", then=go.touch)
        finally:
            go.touch()
        try:
            assert drawing.wait(60) == 0
        finally:
            drawing.kill()
    lines = [json.loads(line) for line in shown(home, job, "--json").splitlines()]
    assert [line["message"] for line in lines][1:] == ["end"]
    frames = lines[0]["metadata"]["frames"]
    assert lines[0]["message"] == f"progress {frames - 1}%"
    # Each look stands in the place of the one before: what stays is told by numbers.
    assert seen.count(b"\n") < 12, seen
