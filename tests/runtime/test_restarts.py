"""Servers and indexers that die and are started anew; workers that are told to stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from qntx.builtin import built_in_app
from qntx.config import load
from tests.support.processes import command_of, send
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE, Running, checkpoint_of, working

pytestmark = pytest.mark.slow


def app_attempts(running: Running, job_id: str) -> list[Any]:
    return list(running.app.store.jobs.attempts(job_id))


def test_no_more_jobs_start_than_there_are_calls_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNTX_PULSE__MAX_CALLS_PER_MINUTE", "3")
    with working(tmp_path / "home") as running:
        payload = {"path": str(running.app.settings.home)}
        requests = [running.app.request("test.calls", payload, source=str(n)) for n in range(20)]
        ids = running.app.enqueue_all(requests)
        wait_until(lambda: running.app.store.jobs.counts()["completed"] >= 3)
        reason = wait_until(lambda: running.app.store.jobs.get(ids[-1]).pulse_state)
        assert reason["pause_reason"] == "rate_limited"
        for _ in range(5):  # others go on
            running.final(running.app.enqueue("test.noop"))
        assert [running.app.store.jobs.status(i) for i in ids].count("completed") == 3


def test_jobs_of_a_dead_server_go_on(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"

    app = built_in_app(load(home=home, app=[MODULE]))
    job_id = app.enqueue("test.polite", {"path": str(out)})
    child = app.enqueue("test.noop", parent_job_id=job_id, delay_s=3_600)
    tree = Tree(home, 1)
    try:
        wait_until(lambda: checkpoint_of(app, job_id))
        tree.restart()
        wait_until(lambda: len(lines(out)) == 2)
        assert lines(out)[1] != "from 0"
        first = app.store.jobs.attempts(job_id)[0]
        assert (first.status, first.reason) == ("failed", "server_restarted")
        assert app.store.jobs.get(job_id).retry_count == 0
        assert app.store.jobs.get(child).status == "queued"
    finally:
        tree.kill()


def test_an_innocent_neighbour_of_a_job_that_will_not_stop_is_not_failed(
    running: Running, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    stubborn = running.app.enqueue("test.stubborn-async", {"path": str(out)})
    wait_until(lambda: lines(out))
    neighbours = [
        running.app.enqueue("test.asynchronous", {"path": str(other), "text": "4"}, source=str(n))
        for n in range(4)
    ]
    wait_until(lambda: len(lines(other)) == 4)
    running.app.queue.cancel(stubborn)
    job: Any = running.final(stubborn)
    assert job.status == "cancelled"
    for job_id in neighbours:
        found: Any = running.final(job_id)
        assert found.status == "completed"
        assert {a.reason for a in app_attempts(running, job_id)} <= {None, "neighbour_stopped"}


def test_sigterm_to_a_worker_cancels_nothing(running: Running, tmp_path: Path) -> None:
    """A service manager may send it to the whole group."""
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.asleep", {"path": str(out), "text": "1.0"})
    wait_until(lambda: lines(out))
    os.kill(int(lines(out)[0]), signal.SIGTERM)
    job: Any = running.final(job_id)
    assert (job.status, job.attempt) == ("completed", 1)


def test_a_waiting_job_that_is_cancelled_behind_a_long_one_harms_neither(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with working(tmp_path / "home", 1, stop_grace_s=0.2) as running:
        app = running.app
        quick = [app.request("test.noop", source=str(n)) for n in range(300)]
        app.enqueue_all(quick)
        long = app.enqueue("test.asleep", {"path": str(out), "text": "4.0"})
        behind = app.enqueue_all(quick[:5])
        wait_until(lambda: lines(out))
        for job_id in behind:
            app.queue.cancel(job_id)
        job: Any = running.final(long)
        assert (job.status, job.attempt) == ("completed", 1)
        for job_id in behind:
            found: Any = running.final(job_id)
            assert found.status == "cancelled"


def test_a_dead_indexer_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    app = built_in_app(load(home=tmp_path / "home", app=[MODULE]))
    tree = Tree(app.settings.home, 1)
    try:
        first = app.enqueue("test.noop")
        wait_until(lambda: app.store.jobs.get(first).status == "completed")
        indexers = [p for p in tree.members() if b"indexer.process" in command_of(p)]
        assert len(indexers) == 1
        send(indexers[0], signal.SIGKILL)
        second = app.enqueue("test.noop")
        wait_until(lambda: app.store.jobs.get(second).status == "completed")
    finally:
        tree.kill()
