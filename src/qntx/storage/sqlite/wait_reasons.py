"""What the queue knows of why a job waits: how many come before it, and who runs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import apsw
import msgspec

from qntx.storage.sqlite.connection import transaction

#: The columns of `Held`.
_HELD = (
    "async_ix_jobs.id, async_ix_jobs.attempt, (SELECT x.scheduled_job_id FROM pulse_executions x"
    " WHERE x.id = async_ix_jobs.execution_id)"
)
# From one name to the next one in the index, whatever number of jobs there is of each.
_ACTIVE = (
    "SELECT min(handler_name) FROM async_ix_jobs INDEXED BY jobs_active"
    " WHERE status IN ('queued', 'running', 'paused')"
)
_ACTIVE_HANDLERS = (
    f"WITH RECURSIVE names(name) AS ({_ACTIVE} UNION ALL SELECT"
    f" ({_ACTIVE} AND handler_name > names.name) FROM names WHERE names.name IS NOT NULL)"
    " SELECT name FROM names"
)
#: Jobs fired by a schedule that wait for a worker, and do not say so yet.
_WAITING = (
    "FROM pulse_executions e INDEXED BY executions_running"
    " CROSS JOIN async_ix_jobs j ON j.id = e.async_job_id"
    " WHERE e.status = 'running' AND j.status = 'queued' AND j.pulse_state IS NULL"
    " AND j.next_attempt_at IS NULL AND j.updated_at < ?1"
)


class Place(NamedTuple):
    """A queued job's place: how many ready jobs are before it, and how many run now."""

    ahead: int
    running: int


class Runner(NamedTuple):
    """Who runs an attempt: the worker, its process, and until when it has the lease."""

    worker: str | None
    pid: int | None
    started_at: str
    lease_until: str | None


class Held(NamedTuple):
    """A job that waits: its last attempt, and the schedule that it comes from, if any."""

    job_id: str
    attempt: int
    schedule_id: str | None


def hold(db: apsw.Connection, handlers: Iterable[str], state: dict[str, Any] | None) -> list[Held]:
    """
    State the reason why queued jobs of *handlers* wait (None: they wait no more).

    Returns those for which that is new.
    """
    names = msgspec.json.encode(list(handlers)).decode()
    text = None if state is None else msgspec.json.encode(state).decode()
    with transaction(db):
        rows: list[Any] = db.execute(
            "UPDATE async_ix_jobs SET pulse_state = ?1 WHERE status = 'queued'"
            " AND handler_name IN (SELECT value FROM json_each(?2)) AND pulse_state IS NOT ?1"
            f" RETURNING {_HELD}",
            (text, names),
        ).fetchall()
    return [Held(*row) for row in rows]


def active_handlers(db: apsw.Connection) -> list[str]:
    """The handlers of jobs that are not over, each once; a few µs per handler."""
    return [str(name) for (name,) in db.execute(_ACTIVE_HANDLERS) if name is not None]


def hold_waiting(db: apsw.Connection, since: str, limit: int, state: dict[str, Any]) -> list[Held]:
    """
    State the reason why jobs of schedules wait that have been ready to run since *since*.

    Returns those that had none: each is told by one process only, however many look.
    """
    if not db.execute(f"SELECT EXISTS(SELECT 1 {_WAITING})", (since,)).fetchone()[0]:  # type: ignore[index]
        return []
    text = msgspec.json.encode(state).decode()
    with transaction(db):
        rows: list[Any] = db.execute(
            "UPDATE async_ix_jobs SET pulse_state = ?2 WHERE id IN"
            f" (SELECT j.id {_WAITING} LIMIT ?3) RETURNING {_HELD}",
            (since, text, limit),
        ).fetchall()
    return [Held(*row) for row in rows]


def place_of(db: apsw.Connection, job_id: str) -> Place:
    """The place of a queued job among those that are ready to run."""
    ahead = _value(
        db,
        "SELECT count(*) FROM async_ix_jobs o, (SELECT rowid AS number, priority FROM"
        " async_ix_jobs WHERE id = ?) me WHERE o.status = 'queued' AND o.next_attempt_at IS NULL"
        " AND (o.priority > me.priority OR (o.priority = me.priority AND o.rowid < me.number))",
        job_id,
    )
    running = _value(db, "SELECT count(*) FROM async_ix_jobs WHERE status = 'running'")
    return Place(int(ahead or 0), int(running or 0))


def runner_of(db: apsw.Connection, job_id: str, attempt: int) -> Runner | None:
    """Who runs (or ran) an attempt of a job."""
    for worker, pid, started_at, lease_until in db.execute(
        "SELECT worker, pid, started_at, lease_until FROM job_attempts"
        " WHERE job_id = ? AND attempt = ?",
        (job_id, attempt),
    ):
        return Runner(worker, pid, started_at, lease_until)
    return None


def _value(db: apsw.Connection, sql: str, *values: Any) -> Any:
    for row in db.execute(sql, values):
        return row[0]
    return None
