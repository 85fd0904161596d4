"""A real server for the browser tests, and jobs on it that completed, failed, and run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import served
from tests.support.browser import SCRIPTS
from tests.support.paths import EXAMPLES
from tests.support.qntx_server import Served

__all__ = ["served"]


@pytest.fixture(scope="session")
def completed(served: Served) -> str:
    """Id of a job that completed."""
    source = str(EXAMPLES / "jobs" / "senior-backend-engineer.txt")
    queued = served.qntx("ix", "--queue", source)
    assert queued.returncode == 0, queued.stderr
    job_id = queued.stdout.strip()
    assert served.finished(job_id)["status"] == "completed"
    return job_id


@pytest.fixture(scope="session")
def failed(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Id of a job that failed in its first stage."""
    missing = tmp_path_factory.mktemp("nothing") / "missing.txt"
    queued = served.qntx("ix", "--queue", str(missing))
    assert queued.returncode == 0, queued.stderr
    job_id = queued.stdout.strip()
    assert served.finished(job_id)["status"] == "failed"
    return job_id


@pytest.fixture
def ticking(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Id of a job that says something all the time until ``$QNTX_TICKS_UNTIL`` is written."""
    enough = tmp_path / "enough"
    monkeypatch.setenv("QNTX_TICKS_UNTIL", str(enough))  # for whoever looks at it
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "ticking.py")],
        env={**served.env, "QNTX_TICKS_UNTIL": str(enough)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    enough.touch()
    assert process.wait(60) == 0
    process.stdout.close()
