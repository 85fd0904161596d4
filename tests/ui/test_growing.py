"""A progress bar on the page: one line that changes in place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.browser import node
from tests.support.qntx_server import Served
from tests.support.waiting import wait_until

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


def test_a_progress_bar_is_one_line_that_changes_in_place(served: Served, tmp_path: Path) -> None:
    go = tmp_path / "go"
    qntx = [sys.executable, "-m", "qntx", "run"]
    command = [*qntx, "--", sys.executable, "-uc", BAR, str(go)]
    with subprocess.Popen(
        command, env=served.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as drawing:
        try:
            assert drawing.stderr is not None
            job_id = drawing.stderr.readline().split()[-1]
            wait_until(lambda: re.search(r"progress \d", served.qntx("logs", job_id).stdout))
            found = node("growing.mjs", served.url, job_id, str(go))
        finally:
            go.touch()
            drawing.wait(60)
    assert found["trouble"] == []
    assert (found["most"], found["left"]) == (1, 0)
    assert all(text.startswith("progress ") for text in found["seen"])
    assert len(set(found["seen"])) == len(found["seen"])
    assert found["numberedBefore"] == 0
    assert "so far: 0" in found["receiptBefore"]
    assert found["numbered"].startswith("progress ")
