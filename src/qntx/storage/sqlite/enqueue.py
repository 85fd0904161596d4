"""Jobs into the queue, within a transaction of the caller: by enqueueing, or when children end."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from qntx.clock import iso
from qntx.model.ids import new_id
from qntx.model.job import JobRequest

_INSERT = """
INSERT INTO async_ix_jobs(id, source, status, handler_name, payload, priority, next_attempt_at,
    idempotency_key, parent_job_id, execution_id, max_attempts, created_at, updated_at)
VALUES(?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
"""


def values_of(request: JobRequest, now: int, job_id: str | None = None) -> tuple[Any, ...]:
    """What :func:`insert_job` stores: made before the transaction, in which others wait."""
    at = iso(now)
    delayed = iso(now + int(request.delay_s * 1e6)) if request.delay_s > 0 else None
    return (
        job_id or new_id("JB"),
        request.source,
        request.handler_name,
        msgspec.json.encode(request.payload).decode(),
        request.priority,
        delayed,
        request.idempotency_key,
        request.parent_job_id,
        request.execution_id,
        request.max_attempts,
        at,
        at,
    )


def insert_job(db: apsw.Connection, request: JobRequest, values: tuple[Any, ...]) -> str:
    """
    Insert one job within the caller's transaction; returns its id, or that of its twin.

    *values* are those that :func:`values_of` gives for *request*.
    """
    if request.unique:
        for (twin,) in db.execute(
            "SELECT id FROM async_ix_jobs WHERE handler_name = ? AND source = ?"
            " AND status IN ('queued', 'running', 'paused')",
            (request.handler_name, request.source),
        ):
            return str(twin)
    db.execute(_INSERT, values)
    if request.idempotency_key is not None and db.changes() == 0:
        for (twin,) in db.execute(
            "SELECT id FROM async_ix_jobs WHERE idempotency_key = ?", (request.idempotency_key,)
        ):
            return str(twin)
    return str(values[0])


def insert_child(
    db: apsw.Connection, request: JobRequest, parent: str, now: int, job_id: str
) -> str:
    """Insert a child of the job *parent*; returns its id, or that of its twin."""
    request = msgspec.structs.replace(request, parent_job_id=parent)
    child = insert_job(db, request, values_of(request, now, job_id))
    # A parent that was asked to stop may not have heard of it yet.
    db.execute(
        "UPDATE async_ix_jobs SET status = 'cancelled', completed_at = ?1, updated_at = ?1,"
        " error = 'its parent was cancelled' WHERE id = ?2 AND parent_job_id = ?3"
        " AND status = 'queued' AND EXISTS (SELECT 1 FROM async_ix_jobs p WHERE p.id = ?3"
        " AND p.stop_request = 'cancel')",
        (iso(now), child, parent),
    )
    return child


def parent_of(db: apsw.Connection, job_id: str) -> str | None:
    """The parent of a job, if it has one."""
    for (parent,) in db.execute("SELECT parent_job_id FROM async_ix_jobs WHERE id = ?", (job_id,)):
        return None if parent is None else str(parent)
    return None


def wake_parent(db: apsw.Connection, parent: str | None, at: str) -> None:
    """
    Put *parent* back on the queue if it waits for its children and none is active any more.

    If somebody asked for a pause before it waited, it is paused from then on.
    """
    if parent is not None:
        db.execute(
            "UPDATE async_ix_jobs SET status = iif(stop_request = 'pause', 'paused', 'queued'),"
            " pulse_state = iif(stop_request = 'pause', '{\"pause_reason\":\"user_requested\"}',"
            " NULL), stop_request = NULL, updated_at = ?1"
            " WHERE id = ?2 AND status = 'paused'"
            ' AND pulse_state LIKE \'%"waiting_for":"children"%\''
            " AND NOT EXISTS (SELECT 1 FROM async_ix_jobs c WHERE c.parent_job_id = ?2"
            " AND c.status IN ('queued', 'running', 'paused'))",
            (at, parent),
        )
