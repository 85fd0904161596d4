"""Executions in SQLite: what became of each firing, and what can be read from many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from qntx.clock import iso
from qntx.errors import BadInput, NotFound
from qntx.model.schedule import Execution, ExecutionStatus
from qntx.model.views import Counts
from qntx.storage.interfaces.schedules import Executions
from qntx.storage.sqlite.jobs import make_cursor, read_cursor
from qntx.storage.sqlite.queue import DESCENDANTS
from qntx.storage.sqlite.translation import translated

MAX_PAGE = 1_000
_SELECT = """
SELECT e.id, e.scheduled_job_id, e.async_job_id, e.status, e.cause, e.nominal_at, e.started_at,
       e.completed_at, e.duration_ms, e.reason, e.waiting, e.result_summary, e.error_message,
       e.created_at, e.updated_at, j.status,
       (SELECT json_array(total(stored), total(debug_count), total(info_count), total(warn_count),
                          total(error_count), total(critical_count))
        FROM job_attempts a WHERE a.job_id = e.async_job_id),
       e.rowid
FROM pulse_executions e LEFT JOIN async_ix_jobs j ON j.id = e.async_job_id
"""
_INSERT = """
INSERT INTO pulse_executions(id, scheduled_job_id, async_job_id, status, cause, nominal_at,
    started_at, completed_at, reason, error_message, waiting, told, created_at, updated_at)
VALUES(:id, :scheduled_job_id, :async_job_id, :status, :cause, :nominal_at, :at,
    CASE WHEN :status <> 'running' THEN :at END, :reason, :error_message, :waiting, 0, :at, :at)
ON CONFLICT(scheduled_job_id, nominal_at) DO NOTHING
"""
#: Executions whose job ended without telling them (a restored database, a hand in the tables).
_REPAIR = """
UPDATE pulse_executions SET
    status = ifnull(j.status, 'failed'),
    started_at = ifnull(j.started_at, pulse_executions.started_at),
    completed_at = ifnull(j.completed_at, :at), waiting = 0, updated_at = :at,
    duration_ms = CAST(round((julianday(j.completed_at) - julianday(j.started_at)) * 86400000)
                       AS INTEGER),
    error_message = iif(j.status IS NULL, 'its job is gone', j.error)
FROM (SELECT e.id AS execution, j.status, j.started_at, j.completed_at, j.error
      FROM pulse_executions e LEFT JOIN async_ix_jobs j ON j.id = e.async_job_id
      WHERE e.status = 'running'
          AND (j.id IS NULL OR j.status IN ('completed', 'failed', 'cancelled'))) AS j
WHERE pulse_executions.id = j.execution
RETURNING pulse_executions.id
"""
#: The first of those that wait where nothing is left to wait for.
_RELEASABLE = """
SELECT e.id, e.async_job_id FROM pulse_executions e
WHERE e.status = 'running' AND e.waiting = 1 AND NOT EXISTS (
    SELECT 1 FROM pulse_executions o WHERE o.scheduled_job_id = e.scheduled_job_id
        AND o.status = 'running' AND (o.waiting = 0 OR o.rowid < e.rowid))
"""


@translated
class ExecutionStore(Executions):
    """The executions of one database; writes belong into the caller's transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    # -- reading -------------------------------------------------------------------------------

    def get(self, execution_id: str) -> Execution:
        for row in self._db.execute(_SELECT + "WHERE e.id = ?", (execution_id,)):
            return _execution(row)
        raise NotFound(
            f"unknown execution {execution_id!r} - qntx executions SP_… lists a schedule's"
        )

    def page(
        self,
        schedule_id: str | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
        statuses: Sequence[str] = (),
    ) -> tuple[list[Execution], str | None]:
        limit = max(1, min(limit, MAX_PAGE))
        where, values = _where(schedule_id, statuses)
        if cursor is not None:
            where += " AND e.rowid < ?"
            values.append(read_cursor(cursor))
        sql = f"{_SELECT} WHERE {where} ORDER BY e.rowid DESC LIMIT ? OFFSET ?"
        rows = self._db.execute(sql, (*values, limit + 1, offset)).fetchall()
        more = make_cursor(rows[limit - 1][-1]) if len(rows) > limit else None
        return [_execution(row) for row in rows[:limit]], more

    def total(self, schedule_id: str | None = None, statuses: Sequence[str] = ()) -> int:
        where, values = _where(schedule_id, statuses)
        for (number,) in self._db.execute(
            f"SELECT count(*) FROM pulse_executions e WHERE {where}", values
        ):
            return int(number)
        return 0

    def walk(self, schedule_id: str | None, statuses: Sequence[str] = ()) -> Iterator[Execution]:
        cursor: str | None = None
        while True:
            found, cursor = self.page(schedule_id, limit=MAX_PAGE, cursor=cursor, statuses=statuses)
            yield from found
            if cursor is None:
                return

    def ended(self, schedule_id: str, limit: int) -> list[tuple[str, str, int | None]]:
        rows = self._db.execute(
            "SELECT completed_at, status, duration_ms FROM pulse_executions"
            " WHERE scheduled_job_id = ? AND status IN ('completed', 'failed', 'cancelled')"
            " ORDER BY rowid DESC LIMIT ?",
            (schedule_id, limit),
        )
        return [(str(at), str(status), ms) for at, status, ms in rows]

    def active(self, schedule_id: str) -> list[Execution]:
        sql = _SELECT + "WHERE e.scheduled_job_id = ? AND e.status = 'running' ORDER BY e.rowid"
        return [_execution(row) for row in self._db.execute(sql, (schedule_id,))]

    def untold(self, limit: int, before_us: int) -> list[Execution]:
        sql = _SELECT + "WHERE e.told = 0 AND e.created_at < ? ORDER BY e.rowid LIMIT ?"
        return [_execution(row) for row in self._db.execute(sql, (iso(before_us), limit))]

    # -- writing -------------------------------------------------------------------------------

    def insert(self, execution: Execution) -> bool:
        self._db.execute(
            _INSERT,
            {
                "id": execution.id,
                "scheduled_job_id": execution.scheduled_job_id,
                "async_job_id": execution.async_job_id,
                "status": execution.status,
                "cause": execution.cause,
                "nominal_at": execution.nominal_at,
                "at": execution.created_at,
                "reason": execution.reason,
                "error_message": execution.error_message,
                "waiting": int(execution.waiting),
            },
        )
        return self._db.changes() > 0

    def hold_job(self, job_id: str, behind: Sequence[str]) -> None:
        self._db.execute(
            "UPDATE async_ix_jobs SET status = 'paused', pulse_state = json_object('is_paused',"
            " json('true'), 'pause_reason', 'overlap', 'waits_for', json(?)) WHERE id = ?",
            ("[" + ",".join(f'"{job}"' for job in behind) + "]", job_id),
        )

    def replace_job(self, job_id: str, by: str, now_us: int) -> None:
        reason = f"replaced by {by}: the schedule's next firing came before this one was over"
        self._db.execute(
            "UPDATE pulse_executions SET reason = ? WHERE async_job_id = ? AND status = 'running'",
            (reason, job_id),
        )
        below = self._db.execute(DESCENDANTS, (job_id,)).fetchall()
        for each in (job_id, *(str(child) for child, _ in below)):
            values = (reason, iso(now_us), each)
            self._db.execute(
                "UPDATE async_ix_jobs SET stop_request = 'cancel', updated_at = ?"
                " WHERE id = ? AND status = 'running'",
                values[1:],
            )
            self._db.execute(
                "UPDATE async_ix_jobs SET status = 'cancelled', error = ?1, completed_at = ?2,"
                " updated_at = ?2 WHERE id = ?3 AND status IN ('queued', 'paused')",
                values,
            )

    def mark_told(self, ids: Sequence[str]) -> None:
        self._db.cursor().executemany(
            "UPDATE pulse_executions SET told = 1 WHERE id = ?", [(i,) for i in ids]
        )

    def repair(self, now_us: int) -> list[str]:
        at = iso(now_us)
        repaired = [str(row[0]) for row in self._db.execute(_REPAIR, {"at": at}).fetchall()]
        for execution_id, job_id in self._db.execute(_RELEASABLE).fetchall():
            self._db.execute(
                "UPDATE async_ix_jobs SET status = 'queued', pulse_state = NULL, updated_at = ?"
                " WHERE id = ? AND status = 'paused'",
                (at, job_id),
            )
            self._db.execute(
                "UPDATE pulse_executions SET waiting = 0 WHERE id = ?", (execution_id,)
            )
            repaired.append(str(execution_id))
        return repaired


def _where(schedule_id: str | None, statuses: Sequence[str]) -> tuple[str, list[Any]]:
    where, values = "1", []
    for status in statuses:
        if status not in set(ExecutionStatus):
            known = ", ".join(ExecutionStatus)
            raise BadInput(f"{status[:40]!r} is not a valid execution status - use one of {known}")
    if schedule_id is not None:
        where, values = where + " AND e.scheduled_job_id = ?", [schedule_id]
    if statuses:
        where += f" AND e.status IN ({','.join('?' * len(statuses))})"
        values += statuses
    return where, values


def _execution(row: Any) -> Execution:
    counts = [int(float(n)) for n in row[16].strip("[]").split(",")]
    return Execution(
        id=row[0],
        scheduled_job_id=row[1],
        async_job_id=row[2],
        status=row[3],
        cause=row[4],
        nominal_at=row[5],
        started_at=row[6],
        completed_at=row[7],
        duration_ms=row[8],
        reason=row[9],
        waiting=bool(row[10]),
        result_summary=row[11],
        error_message=row[12],
        created_at=row[13],
        updated_at=row[14],
        job_status=row[15],
        counts=Counts(*counts),
    )
