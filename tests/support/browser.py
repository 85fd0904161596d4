"""Scripts that walk through the web UI in Chromium."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.support.paths import ROOT

SCRIPTS = ROOT / "tests" / "ui"


def node(script: str, *arguments: str, timeout_s: float = 110) -> Any:
    """The JSON that a script of tests/ui prints, whatever its exit code."""
    done = subprocess.run(
        ["node", str(SCRIPTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return json.loads(done.stdout)
