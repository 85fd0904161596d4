"""What follows when a job's status changes is what `qntx.model.job_consequences` says."""

from __future__ import annotations

import random

from qntx.model.job import ACTIVE, FINAL
from qntx.model.job_consequences import execution_after, is_told_apart, released_by_an_end
from qntx.model.schedule import Execution
from qntx.storage.interfaces import Store

from .firings import fire, schedule
from .queueing import claim
from .small_indexer import SmallIndexer


def moved(store: Store, indexer: SmallIndexer, job_id: str, chance: random.Random) -> None:
    """One move of the job that its status allows."""
    status = store.jobs.status(job_id)
    if status in ("failed", "cancelled"):
        store.queue.retry(job_id)
    elif status == "running":
        (job,) = [one for one, *_ in store.queue.running() if one.id == job_id]
        end = chance.choice(["completed", "failed", "cancelled", "queued"])
        indexer.end(job, end, error="no", result={"n": "x" * chance.choice([1, 3000])})
    elif status in ACTIVE and chance.random() < 0.5:
        store.queue.cancel(job_id)
    elif status == "queued":
        claim(store, 1)


def test_executions_go_with_their_jobs(
    store: Store, indexer: SmallIndexer, chance: random.Random
) -> None:
    schedule_id = schedule(store)
    jobs: list[str] = []
    for number in range(6):
        behind = tuple(jobs[-1:]) if number % 2 else ()
        jobs.append(fire(store, schedule_id, number, behind=behind))
    ends = 0
    for _ in range(60):
        job_id = chance.choice(jobs)
        before = {job: store.jobs.get(job) for job in jobs}
        executions = {job: store.executions.get(str(before[job].execution_id)) for job in jobs}
        active = store.executions.active(schedule_id)
        moved(store, indexer, job_id, chance)
        for job in jobs:
            now, found = store.jobs.get(job), store.executions.get(executions[job].id)
            wanted = execution_after(executions[job], before[job].status, now, now.updated_at)
            if now.status != before[job].status and now.status in FINAL:
                ends += 1
                left = [one for one in active if one.async_job_id != job]
                released = released_by_an_end(left)
                if released is not None and released.waiting:
                    assert store.jobs.status(str(released.async_job_id)) != "paused"
            assert compared(found) == compared(wanted), (before[job].status, now.status)
            assert abs((found.duration_ms or 0) - (wanted.duration_ms or 0)) <= 1, "rounded"
    assert ends > 5


def compared(execution: Execution) -> tuple[object, ...]:
    """What the rule is about."""
    return (
        execution.status,
        execution.started_at,
        execution.completed_at,
        execution.result_summary,
        execution.error_message,
        execution.duration_ms is None,
    )


def test_moves_that_no_attempt_shows_are_told(store: Store, indexer: SmallIndexer) -> None:
    job_id = fire(store, schedule(store), 0)
    _, place = store.changes.look(None)
    store.queue.cancel(job_id)
    changed, place = store.changes.look(place)
    assert is_told_apart("queued", "cancelled")
    assert job_id in changed.jobs
    store.queue.retry(job_id)
    changed, place = store.changes.look(place)
    assert is_told_apart("cancelled", "queued")
    assert job_id in changed.jobs
    assert not is_told_apart("queued", "running")
    assert not is_told_apart("running", "failed")
