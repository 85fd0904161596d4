"""Workers are replaced after many jobs or when they have grown, and nobody notices."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE, Running

pytestmark = pytest.mark.slow


def run_with(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handler: str,
    text: str,
    number: int,
    **settings: int,
) -> tuple[Running, list[str]]:
    """*number* jobs, one worker; gives the process id that each job ran in."""
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    for name, value in settings.items():
        monkeypatch.setenv(f"QNTX_SERVER__{name.upper()}", str(value))
    running = Running(tmp_path / "home", 1)
    app, out = running.app, tmp_path / "out"
    with app.indexing():
        running.supervisor.start()
        payload = {"path": str(out), "text": text}
        ids = app.enqueue_all([app.request(handler, payload, source=str(n)) for n in range(number)])
        for job_id in ids:
            job: Any = running.final(job_id)
            assert (job.status, job.attempt) == ("completed", 1)
            assert job.receipt.complete
        wait_until(lambda: len(running.supervisor.status()) == 1)
        running.supervisor.stop()
    return running, lines(out)


def test_after_so_many_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, pids = run_with(tmp_path, monkeypatch, "test.asleep", "0.01", 60, worker_max_jobs=20)
    by_process = Counter(pids)
    assert len(by_process) >= 2, "it was replaced although there was always more to do"
    rows = running.app.store.connection.execute(
        "SELECT message FROM task_logs WHERE level = 'error'"
    )
    assert rows.fetchall() == []


def test_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, pids = run_with(tmp_path, monkeypatch, "test.grows", "60", 12, worker_max_mib=150)
    assert len(set(pids)) >= 2
    assert max(Counter(pids).values()) < 12
