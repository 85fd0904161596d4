"""A real ``qntx serve`` on a free port, with the example site beside it."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.support.paths import EXAMPLES, ROOT
from tests.support.waiting import wait_until


@dataclass
class Served:
    """A running ``qntx serve`` and the example career site that it may fetch from."""

    home: Path
    url: str
    site: str
    env: dict[str, str]

    def get(self, path: str) -> Any:
        """The JSON that the server answers to a GET."""
        with urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def qntx(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line tool in the same data directory."""
        return subprocess.run(
            [sys.executable, "-m", "qntx", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=110,
        )

    def finished(self, job_id: str) -> dict[str, Any]:
        """Wait until a job is over; returns it."""

        def over() -> dict[str, Any] | None:
            job: dict[str, Any] = self.get(f"/api/pulse/jobs/{job_id}")
            return job if job["status"] in ("completed", "failed", "cancelled") else None

        found: dict[str, Any] = wait_until(over, f"{job_id} is over")
        return found


def said_url(process: subprocess.Popen[str]) -> str:
    """The address that a starting server says it has: port 0 gives it one that nobody else has."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"^QNTX Pulse: (http://\S+)", line):
            return found[1]
    raise AssertionError(f"the server ended: {said}")


@contextmanager
def serving_in(home: Path) -> Iterator[Served]:
    """A server in the data directory *home*, and the example site beside it."""
    serving = runpy.run_path(str(EXAMPLES / "site.py"))["serving"]
    with serving() as site:
        env = {
            **os.environ,
            "QNTX_HOME": str(home),
            "QNTX_FETCH__ALLOW_HOSTS": json.dumps([urlsplit(site).netloc]),
            "QNTX_LLM__ENABLED": "false",
            # The site is our own: how fast a stranger's may be asked is tested elsewhere.
            "QNTX_FETCH__DELAY_S": "0",
            "QNTX_FETCH__MAX_REQUESTS_PER_MINUTE": "10000",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "qntx", "serve", "--port", "0", "--workers", "2"],
            env=env,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            found = Served(home, said_url(process), site, env)
            imported = found.qntx("candidates", "import", str(EXAMPLES / "candidates"))
            assert imported.returncode == 0, imported.stderr
            yield found
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert process.stderr is not None
            process.stderr.close()
        finally:
            process.kill()  # what a failed test leaves; nothing, otherwise


@contextmanager
def serving_handlers(folder: Path, module: str) -> Iterator[Served]:
    """A server in *folder* whose workers know the handlers of *module*."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNTX_APP", module)
        patch.setenv("PYTHONPATH", str(ROOT))
        with serving_in(folder) as found:
            yield found
