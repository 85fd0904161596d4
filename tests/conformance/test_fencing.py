"""An attempt that is over changes nothing any more, and the end of one counts once."""

from __future__ import annotations

import pytest

from qntx.storage.interfaces import Store

from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "paused", "queued"])
def test_the_late_end_of_an_old_attempt_changes_nothing(
    store: Store, indexer: SmallIndexer, status: str
) -> None:
    old = running(store)
    indexer.end(old, "queued", reason="lease_expired")
    (job,) = claim(store)
    before, attempts = store.jobs.get(job.id), store.jobs.attempts(job.id)
    indexer.end(old, status, result={"late": True}, retry=True, crashed=True, checkpoint="late")
    assert store.jobs.get(job.id) == before
    assert store.jobs.attempts(job.id) == attempts
    indexer.end(job, "completed", result={"n": 2})
    shown = store.jobs.get(job.id)
    assert (shown.status, shown.result, shown.retry_count) == ("completed", {"n": 2}, 0)


def test_an_end_that_comes_when_the_job_is_queued_again_does_not_take_it_off(
    store: Store, indexer: SmallIndexer
) -> None:
    old = running(store)
    indexer.end(old, "queued")
    indexer.end(old, "completed")
    assert store.jobs.status(old.id) == "queued"
    assert [job.attempt for job in claim(store)] == [2]


def test_the_first_end_of_an_attempt_is_the_one_that_counts(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    indexer.end(job, "queued", retry=True, crashed=True, error="first", checkpoint=1)
    indexer.end(job, "queued", retry=True, crashed=True, error="second", checkpoint=2)
    (again,) = claim(store)
    assert (again.retry_count, again.crash_count, again.checkpoint) == (1, 1, 1)
    assert store.jobs.attempts(job.id)[0].error == "first"


def test_what_an_old_attempt_reports_is_not_kept(store: Store, indexer: SmallIndexer) -> None:
    old = running(store)
    indexer.progress(old, current=1, total=10, cost=0.5)
    indexer.checkpoint(old, "kept")
    indexer.end(old, "queued")
    (job,) = claim(store)
    indexer.progress(old, current=9, total=9, cost=9.0)
    indexer.checkpoint(old, "late")
    shown = store.jobs.get(job.id)
    assert (shown.progress.current, shown.progress.total, shown.cost_actual) == (1, 10, 0.5)
    indexer.end(job, "queued")
    assert claim(store)[0].checkpoint == "kept"


def test_what_is_reported_of_a_job_that_is_over_is_not_kept(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    indexer.end(job, "completed")
    before = store.jobs.get(job.id)
    indexer.progress(job, current=9)
    indexer.checkpoint(job, "late")
    assert store.jobs.get(job.id) == before


def test_progress_keeps_what_is_not_said_and_adds_costs(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    indexer.progress(job, current=1, total=4)
    indexer.progress(job, current=2)
    indexer.progress(job, cost=0.25)
    indexer.progress(job, cost=0.5)
    shown = store.jobs.get(job.id)
    assert (shown.progress.current, shown.progress.total, shown.cost_actual) == (2, 4, 0.75)


def test_how_an_attempt_ended_is_shown_of_it_and_of_its_job(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    indexer.begin(job, pid=4711, worker="w")
    indexer.end(
        job,
        "failed",
        error="it broke",
        error_type="ValueError",
        error_stage="load",
        error_details=["a", "b"],
        reason="worker_killed",
    )
    shown = store.jobs.get(job.id)
    assert (shown.error, shown.error_type, shown.error_stage) == ("it broke", "ValueError", "load")
    assert (shown.error_details, shown.status) == (["a", "b"], "failed")
    assert shown.duration_ms is not None
    (attempt,) = store.jobs.attempts(job.id)
    assert (attempt.pid, attempt.worker, attempt.status) == (4711, "w", "failed")
    assert (attempt.error, attempt.error_type, attempt.error_stage, attempt.reason) == (
        "it broke",
        "ValueError",
        "load",
        "worker_killed",
    )
    assert attempt.ended_at == shown.completed_at


def test_a_retry_that_waits_is_due_when_it_was_asked_for(
    store: Store, indexer: SmallIndexer
) -> None:
    job, other = running(store), enqueue(store, "b")
    indexer.end(job, "queued", retry=True, next_attempt_at="2999-01-01T00:00:00.000000Z")
    assert [claimed.id for claimed in claim(store, 9)] == [other]
    assert store.jobs.get(job.id).next_attempt_at == "2999-01-01T00:00:00.000000Z"
