"""Jobs that were handed to a worker and wait there behind one that takes long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import Running, working

pytestmark = pytest.mark.slow


def test_jobs_behind_a_long_one_are_in_the_queue_again(tmp_path: Path) -> None:
    out, enough = tmp_path / "out", tmp_path / "enough"
    note = {"path": str(out), "text": "low"}
    with working(tmp_path / "home", 1) as running:
        app = running.app
        quick = [app.request("test.noop", source=str(n)) for n in range(300)]
        until = {"path": str(tmp_path / "begun"), "text": str(enough)}
        requests = [app.request("test.note", note, source=str(n)) for n in range(4)]
        ids = app.enqueue_all([*quick, app.request("test.until", until), *requests])
        long, *behind = ids[300:]
        wait_until(lambda: lines(tmp_path / "begun"))
        wait_until(lambda: {app.store.jobs.status(i) for i in behind} == {"queued"})
        wait_until(lambda: app.store.jobs.counts()["running"] == 1)
        assert app.queue.cancel(behind[0]) == "cancelled"
        urgent = app.enqueue("test.note", {**note, "text": "high"}, priority=1)
        enough.touch()
        for job_id in (long, urgent, *behind[1:]):
            job: Any = running.final(job_id)
            assert (job.status, job.attempt) == ("completed", 1)
        assert lines(out) == ["high", "low", "low", "low"]


def test_async_jobs_that_end_beside_a_sync_one_do_not_put_off_its_timeout(
    running: Running, tmp_path: Path
) -> None:
    app, quick = running.app, {"path": str(tmp_path / "out"), "text": "0.01"}
    long = app.enqueue("test.sleepy")
    wait_until(lambda: app.store.jobs.status(long) == "running")

    def is_over_while_others_come_and_go() -> bool:
        for number in range(4):
            app.enqueue("test.asynchronous", quick, source=str(number))
        wait_until(lambda: app.store.jobs.counts()["running"] <= 1)
        return app.store.jobs.status(long) == "failed"

    wait_until(is_over_while_others_come_and_go)
    job: Any = running.final(long)
    assert job.error_type == "timeout"
