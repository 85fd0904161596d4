"""Records of jobs: what is read does not change, whatever the id."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from qntx.model.ids import new_id
from tests.support.api_server import TOKEN
from tests.support.queue_bench import Bench

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_a_job_that_was_read_stays_as_it_was(bench: Bench) -> None:
    job_id = bench.enqueue()
    before = bench.store.jobs.get(job_id)
    with pytest.raises(AttributeError):
        before.status = "completed"  # type: ignore[misc]
    bench.claim()
    assert (before.status, bench.status(job_id)) == ("queued", "running")
    faults: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(50):
                job = bench.store.jobs.get(job_id)
                assert (job.status == "running") == (job.completed_at is None)
        except BaseException as error:  # it is the test's to raise
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    attempt: Any = bench.queue.running()[0][0]
    bench.queue.renew([(attempt.id, attempt.attempt)], 30)
    for reader in readers:
        reader.join(30)
    assert faults == []


def test_ids_of_any_length_are_whole(bench: Bench) -> None:
    for job_id in ("J", "JB", "JB_", new_id("JB"), "x" * 500):
        bench.store.connection.execute(
            "INSERT INTO async_ix_jobs(id, source, status, handler_name, created_at, updated_at)"
            " VALUES(?, 's', 'queued', 'a', '2026', '2026')",
            (job_id,),
        )
    claimed = bench.claim(9)
    assert {attempt.job.id for attempt in claimed} >= {"J", "JB", "JB_", "x" * 500}
    for attempt in claimed:
        attempt.begin()
        bench.rescue(attempt, "worker_killed: SIGKILL")
    bench.store_all()
    assert bench.store.jobs.counts()["failed"] == 5
    assert new_id("JB") != new_id("JB")
