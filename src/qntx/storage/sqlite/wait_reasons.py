"""What the queue knows of why a job waits: how many come before it, and who runs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from qntx.storage.interfaces.waits import Held, JobWaits, Place, Runner
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.translation import translated

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


@translated
class SqliteJobWaits(JobWaits):
    """Read from, and written to, the jobs' rows."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    def hold(self, handlers: Iterable[str], state: dict[str, Any] | None) -> list[Held]:
        names = msgspec.json.encode(list(handlers)).decode()
        text = None if state is None else msgspec.json.encode(state).decode()
        with transaction(self._db):
            rows: list[Any] = self._db.execute(
                "UPDATE async_ix_jobs SET pulse_state = ?1 WHERE status = 'queued'"
                " AND handler_name IN (SELECT value FROM json_each(?2)) AND pulse_state IS NOT ?1"
                f" RETURNING {_HELD}",
                (text, names),
            ).fetchall()
        return [Held(*row) for row in rows]

    def active_handlers(self) -> list[str]:
        return [str(name) for (name,) in self._db.execute(_ACTIVE_HANDLERS) if name is not None]

    def hold_waiting(self, since: str, limit: int, state: dict[str, Any]) -> list[Held]:
        if not self._db.execute(f"SELECT EXISTS(SELECT 1 {_WAITING})", (since,)).fetchone()[0]:  # type: ignore[index]
            return []
        text = msgspec.json.encode(state).decode()
        with transaction(self._db):
            rows: list[Any] = self._db.execute(
                "UPDATE async_ix_jobs SET pulse_state = ?2 WHERE id IN"
                f" (SELECT j.id {_WAITING} LIMIT ?3) RETURNING {_HELD}",
                (since, text, limit),
            ).fetchall()
        return [Held(*row) for row in rows]

    def place(self, job_id: str) -> Place:
        ahead = self._value(
            "SELECT count(*) FROM async_ix_jobs o, (SELECT rowid AS number, priority FROM"
            " async_ix_jobs WHERE id = ?) me WHERE o.status = 'queued'"
            " AND o.next_attempt_at IS NULL"
            " AND (o.priority > me.priority OR (o.priority = me.priority AND o.rowid < me.number))",
            job_id,
        )
        running = self._value("SELECT count(*) FROM async_ix_jobs WHERE status = 'running'")
        return Place(int(ahead or 0), int(running or 0))

    def runner(self, job_id: str, attempt: int) -> Runner | None:
        for worker, pid, started_at, lease_until in self._db.execute(
            "SELECT worker, pid, started_at, lease_until FROM job_attempts"
            " WHERE job_id = ? AND attempt = ?",
            (job_id, attempt),
        ):
            return Runner(worker, pid, started_at, lease_until)
        return None

    def _value(self, sql: str, *values: Any) -> Any:
        for row in self._db.execute(sql, values):
            return row[0]
        return None
