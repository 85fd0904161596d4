"""
What follows when a job's status changes, whoever changes it: rules that a backend keeps.

They hold in the transaction of the change itself: no reader sees a job that is over with an
execution that is not. (SQLite has them as triggers on the jobs' table.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from qntx.clock import from_iso
from qntx.model.job import FINAL, JobStatus

if TYPE_CHECKING:
    from qntx.model.schedule import Execution
    from qntx.model.views import Job

#: So much of a job's result is kept with its execution, characters.
SUMMARY_CHARACTERS = 2_000


def execution_after(execution: Execution, before: str, job: Job, now: str) -> Execution:
    """
    The execution of *job*, which was *before* and has changed at *now*.

    It ends with its job; a job that was over and is queued again takes it along.
    """
    if job.status in FINAL and execution.status == JobStatus.RUNNING:
        return _ended(execution, job, now)
    if job.status == JobStatus.QUEUED and before in FINAL:
        fields: dict[str, Any] = dict.fromkeys(
            ("completed_at", "duration_ms", "result_summary", "error_message")
        )
        return msgspec.structs.replace(
            execution, status=str(JobStatus.RUNNING), updated_at=now, **fields
        )
    return execution


def _ended(execution: Execution, job: Job, now: str) -> Execution:
    completed_at = job.completed_at or now
    took_us = None if job.started_at is None else from_iso(completed_at) - from_iso(job.started_at)
    return msgspec.structs.replace(
        execution,
        status=job.status,
        started_at=job.started_at or execution.started_at,
        completed_at=completed_at,
        duration_ms=None if took_us is None else round(took_us / 1000),
        result_summary=None if job.result is None else _summary(job.result),
        error_message=job.error,
        waiting=False,
        updated_at=now,
    )


def released_by_an_end(active: Sequence[Execution]) -> Execution | None:
    """
    Whose job goes on the queue when a job of the schedule has ended.

    *active* are the executions of the schedule that are running still, oldest first: the first
    that waits, once none is left that does not.
    """
    if any(not execution.waiting for execution in active):
        return None
    return next(iter(active), None)


def is_told_apart(before: str, after: str) -> bool:
    """
    Whether a move is one that no attempt shows, so that views have to be told of it.

    A queued job that is cancelled, a failed one that is put back: neither from nor to running.
    """
    return before != after and JobStatus.RUNNING not in (before, after)


def _summary(result: Any) -> str:
    return msgspec.json.encode(result).decode()[:SUMMARY_CHARACTERS]
