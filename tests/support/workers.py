"""A supervisor with real workers, in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.config import load
from qntx.runtime.supervisor import Supervisor
from tests.support.waiting import wait_until

MODULE = "tests.support.worker_jobs:app"


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

        return wait_until(over)


def checkpoint_of(app: App, job_id: str) -> Any:
    """What the store has of a job's checkpoints; None if there is none yet."""
    found = app.store.connection.execute(
        "SELECT checkpoint FROM async_ix_jobs WHERE id = ?", (job_id,)
    )
    return found.fetchone()[0]


@contextmanager
def working(
    home: Path, workers: int = 2, *, stop_grace_s: float = 0.5, **options: float
) -> Iterator[Running]:
    """Workers at work in *home*, until the end of the block; *options* of their supervisor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNTX_APP", f'["{MODULE}"]')
        found = Running(home, workers, stop_grace_s=stop_grace_s, **options)
        with found.app.indexing():
            found.supervisor.start()
            yield found
            found.supervisor.stop()
