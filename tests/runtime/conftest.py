"""A supervisor with real workers, in a data directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.config import load
from qntx.runtime.supervisor import Supervisor
from tests.runtime.jobs_for_tests import wait_for

MODULE = "tests.runtime.jobs_for_tests:app"


class Running:
    """An application with workers at work."""

    def __init__(self, home: Path, workers: int = 2, **options: float) -> None:
        self.app: App = built_in_app(load(home=home, app=[MODULE]))
        self.supervisor = Supervisor(self.app.settings, workers, **options)  # type: ignore[arg-type]

    def final(self, job_id: str) -> object:
        """The job, when it is over."""

        def over() -> object:
            job = self.app.store.jobs.get(job_id)
            return job if job.status in ("completed", "failed", "cancelled") else None

        return wait_for(over)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    found = Running(tmp_path / "home", stop_grace_s=0.5)
    with found.app.indexing():
        found.supervisor.start()
        yield found
        found.supervisor.stop()
