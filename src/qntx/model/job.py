"""Jobs: what they are, their states, and the moves between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from qntx.errors import IllegalTransition

#: The worker of a run that no supervisor watches is called this, and its journal.
UNSUPERVISED = "foreground:"


class JobStatus(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = JobStatus
#: From each status, those a job may move to. One that leads nowhere is final.
MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.PAUSED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.PAUSED, _S.QUEUED}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset({_S.QUEUED}),
}
FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})
ACTIVE = frozenset({_S.QUEUED, _S.RUNNING, _S.PAUSED})


def check_move(job_id: str, before: JobStatus, after: JobStatus) -> None:
    """Raise IllegalTransition unless a job may go from *before* to *after*."""
    if after not in MOVES[before]:
        allowed = ", ".join(sorted(MOVES[before])) or "nothing: it is over"
        raise IllegalTransition(
            f"job {job_id} is {before}, it cannot become {after} - from {before} it can become "
            f"{allowed}"
        )


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is needed to put a job on the queue."""

    handler_name: str
    source: str
    payload: Any = None
    priority: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31)] = 0
    #: Not before so many seconds from now: ten years at most.
    delay_s: Annotated[float, msgspec.Meta(le=10 * 366 * 86_400)] = 0.0
    idempotency_key: str | None = None
    parent_job_id: str | None = None
    execution_id: str | None = None
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    #: While a job of this handler and source is queued, running or paused, give that one.
    unique: bool = False


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A job handed to a worker: everything that executing it needs, and no database."""

    id: str
    handler_name: str
    source: str
    payload: Any
    attempt: int
    max_attempts: int = 1
    checkpoint: Any = None
    execution_id: str | None = None
    parent_job_id: str | None = None
    retry_count: int = 0
    crash_count: int = 0
