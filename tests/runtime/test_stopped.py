"""A process that is stopped in the middle of a write: who it is, and what becomes of the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from qntx.app import App
from qntx.cli import main
from qntx.errors import StoreUnavailable
from qntx.explain.sentences import explain_job
from qntx.indexer import launch
from qntx.linux import is_stopped
from qntx.storage.sqlite.connection import connect, unavailable
from qntx.storage.sqlite.lock_owner import lock_owner_of
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import working

pytestmark = pytest.mark.slow

HOLD = """
import os, signal, sys, apsw
db = apsw.Connection(sys.argv[1])
db.execute("BEGIN IMMEDIATE")
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    found = App(home=tmp_path / "home")
    found.handler("test.noop")(lambda ctx, payload: None)
    return found


@pytest.fixture
def culprit(app: App) -> Iterator[int]:
    """A process that is stopped inside a transaction."""
    app.store.prepare()
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(app.settings.database)])
    wait_until(lambda: is_stopped(process.pid))
    yield process.pid
    process.kill()
    process.wait()


def test_the_culprit_is_named_with_what_to_do(app: App, culprit: int) -> None:
    job_id = "JB_1"
    owner = lock_owner_of(app.settings.database)
    assert owner is not None
    assert (owner.pid, owner.stopped) == (culprit, True)
    runner = CliRunner(env={"QNTX_HOME": str(app.settings.home)})
    answer = runner.invoke(main, ["doctor"])
    assert answer.exit_code == 1
    assert f"kill -CONT {culprit}" in answer.output
    impatient = connect(app.settings.database, busy_timeout_ms=1)
    with pytest.raises(Exception, match="locked") as caught:
        impatient.execute("BEGIN IMMEDIATE")
    said = unavailable(app.settings.database, caught.value)
    assert isinstance(said, StoreUnavailable)
    assert f"process {culprit} (python" in said.message
    os.kill(culprit, signal.SIGKILL)
    wait_until(lambda: lock_owner_of(app.settings.database) is None)
    job_id = app.enqueue("test.noop")
    assert not any("Nothing can be written" in w for w in _why(app, job_id))


def test_explain_names_it(app: App) -> None:
    job_id = app.enqueue("test.noop")
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(app.settings.database)])
    try:
        wait_until(lambda: is_stopped(process.pid))
        assert any(f"kill -CONT {process.pid}" in sentence for sentence in _why(app, job_id))
    finally:
        process.kill()
        process.wait()


def test_an_indexer_that_stands_still_is_replaced(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "STOPPED_S", 0.5)
    with app.indexing():
        indexer = app._indexer
        assert indexer is not None
        before = indexer.pid
        os.kill(before, signal.SIGSTOP)
        wait_until(lambda: is_stopped(before))

        def replaced() -> bool:
            app.ensure_indexer()
            return indexer.pid != before

        wait_until(replaced)
        job_id, outcome = app.run("test.noop")
    assert outcome.status == "completed"
    assert app.store.jobs.get(job_id).status == "completed"


def test_a_worker_that_is_stopped_in_a_transaction_loses_its_lease_and_the_lock(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    with working(tmp_path / "home", 1, lease_s=6.0) as running:
        payload = {"path": str(out), "text": str(running.app.settings.database)}
        job_id = running.app.enqueue("test.writes", payload)
        wait_until(lambda: lines(out))
        db = connect(running.app.settings.database, busy_timeout_ms=60_000)
        db.execute("BEGIN IMMEDIATE")  # not before the worker is gone
        db.execute("ROLLBACK")
        attempts = wait_until(
            lambda: [a for a in running.app.store.jobs.attempts(job_id) if a.ended_at]
        )
        assert attempts[0].reason == "lease_expired"


def _why(app: App, job_id: str) -> list[str]:
    return explain_job(app.store, app.registry, job_id).why


def test_a_stopped_worker_with_more_on_its_way_than_it_has_room_for_stops_nobody_else(
    tmp_path: Path,
) -> None:
    with working(tmp_path / "home", lease_s=2.0) as running:
        wait_until(lambda: [w["ready"] for w in running.supervisor.status()] == [True, True])
        os.kill(int(str(running.supervisor.status()[0]["pid"])), signal.SIGSTOP)
        requests = [
            running.app.request("test.noop-async", "x" * 20_000, source=str(number))
            for number in range(100)
        ]
        running.app.enqueue_all(requests)
        wait_until(lambda: running.app.store.jobs.counts()["completed"] == len(requests))
