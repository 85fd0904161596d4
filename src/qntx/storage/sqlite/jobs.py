"""Jobs in SQLite, as they are shown."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from qntx.clock import from_iso
from qntx.errors import BadInput, NotFound
from qntx.model.job import JobStatus
from qntx.model.views import AttemptView, Counts, Job, JobPage, JobTree, Progress, TreeJob
from qntx.storage.interfaces.jobs import Jobs
from qntx.storage.sqlite.receipts import STREAMS, receipt_of
from qntx.storage.sqlite.translation import translated

MAX_PAGE = 1_000
MAX_TREE = 5_000

_JOB = f"""
SELECT j.id, j.handler_name, j.source, j.status, j.attempt, j.max_attempts, j.priority,
       j.progress_current, j.progress_total, j.cost_estimate, j.cost_actual, j.error,
       j.error_type, j.error_stage, j.error_details, j.parent_job_id, j.execution_id,
       j.retry_count, j.payload, j.result, j.pulse_state, j.stop_request, j.next_attempt_at,
       j.created_at, j.updated_at, j.started_at, j.completed_at,
       sum(a.stored), sum(a.debug_count), sum(a.info_count), sum(a.warn_count),
       sum(a.error_count), sum(a.critical_count), sum(a.accepted), sum(a.stored), sum(a.lost),
       sum(a.redactions),
       -- Seconds at work so far: of all attempts where each goes on from a checkpoint.
       CASE WHEN j.status = 'running' THEN total((a.attempt = j.attempt OR j.checkpoint IS NOT NULL)
           * (julianday(ifnull(a.ended_at, 'now')) - julianday(a.started_at))) * 86400 END,
       {STREAMS}, j.run_kind, j.rowid
FROM async_ix_jobs j LEFT JOIN job_attempts a ON a.job_id = j.id
"""
#: The path of numbers sorts every job behind its parent, and siblings by age.
_TREE = """
WITH RECURSIVE tree(rowid, id, depth, path) AS (
    SELECT rowid, id, 0, '' FROM async_ix_jobs WHERE id = ?1
    UNION ALL
    SELECT c.rowid, c.id, tree.depth + 1, tree.path || printf('/%016x', c.rowid)
    FROM tree JOIN async_ix_jobs c ON c.parent_job_id = tree.id WHERE tree.depth < 64
    LIMIT ?2)
SELECT j.id, j.parent_job_id, tree.depth, j.handler_name, j.source, j.status, j.progress_current,
       j.progress_total, j.error, j.started_at, j.completed_at
FROM tree JOIN async_ix_jobs j ON j.rowid = tree.rowid ORDER BY tree.path
"""
_ATTEMPT = f"""
SELECT attempt, status, worker, pid, started_at, ended_at, error, error_type, error_stage, reason,
       first_error_seq, stored, debug_count, info_count, warn_count, error_count, critical_count,
       accepted, stored, lost, redactions, {STREAMS}
FROM job_attempts a WHERE job_id = ? GROUP BY run_key ORDER BY attempt
"""


@translated
class JobStore(Jobs):
    """The jobs of one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    # -- what is shown -------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        for row in self._db.execute(_JOB + "WHERE j.id = ? GROUP BY j.rowid", (job_id,)):
            return _job(row)
        raise NotFound(f"unknown job {job_id!r} - qntx jobs lists those that exist")

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        statuses: Iterable[str] = (),
        handler: str | None = None,
        parent_job_id: str | None = None,
    ) -> JobPage:
        limit = max(1, min(limit, MAX_PAGE))
        where, values = ["1"], []
        statuses = list(statuses)
        for status in statuses:
            if status not in set(JobStatus):
                raise BadInput(
                    f"{status!r} is not a valid job status - use one of {', '.join(JobStatus)}"
                )
        if statuses:
            where.append(f"j.status IN ({','.join('?' * len(statuses))})")
            values += statuses
        if handler is not None:
            where.append("j.handler_name = ?")
            values.append(handler)
        if parent_job_id is not None:
            where.append("j.parent_job_id = ?")
            values.append(parent_job_id)
        if cursor is not None:
            where.append("j.rowid < ?")
            values.append(read_cursor(cursor))
        sql = f"{_JOB} WHERE {' AND '.join(where)} GROUP BY j.rowid ORDER BY j.rowid DESC LIMIT ?"
        rows = self._db.execute(sql, (*values, limit + 1)).fetchall()
        more = make_cursor(rows[limit - 1][-1]) if len(rows) > limit else None
        jobs = [_job(row) for row in rows[:limit]]
        return JobPage(jobs, len(jobs), more)

    def tree(self, job_id: str) -> JobTree:
        rows = self._db.execute(_TREE, (job_id, MAX_TREE + 1)).fetchall()
        if not rows:
            raise NotFound(f"unknown job {job_id!r} - qntx jobs lists those that exist")
        jobs = [_tree_job(row) for row in rows[:MAX_TREE]]
        return JobTree(
            job_id, jobs, dict(Counter(job.status for job in jobs)), len(rows) > MAX_TREE
        )

    def children(self, job_id: str) -> list[Job]:
        sql = _JOB + "WHERE j.parent_job_id = ? GROUP BY j.rowid ORDER BY j.rowid"
        return [_job(row) for row in self._db.execute(sql, (job_id,))]

    def child_counts(self, job_id: str) -> dict[str, int]:
        sql = "SELECT status, count(*) FROM async_ix_jobs WHERE parent_job_id = ? GROUP BY status"
        return {str(status): int(number) for status, number in self._db.execute(sql, (job_id,))}

    def attempts(self, job_id: str) -> list[AttemptView]:
        return [_attempt(row) for row in self._db.execute(_ATTEMPT, (job_id,))]

    def status(self, job_id: str) -> str | None:
        found = self._value("SELECT status FROM async_ix_jobs WHERE id = ?", job_id)
        return None if found is None else str(found)

    def counts(self) -> dict[str, int]:
        found = dict.fromkeys(map(str, JobStatus), 0)
        sql = "SELECT status, count(*) FROM async_ix_jobs GROUP BY status"
        for status, number in self._db.execute(sql):
            found[str(status)] = int(number)
        return found

    def _value(self, sql: str, *values: Any) -> Any:
        for row in self._db.execute(sql, values):
            return row[0]
        return None


def make_cursor(*values: object) -> str:
    """An opaque cursor that stands for *values*."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def read_cursor(cursor: str) -> Any:
    """The first value that *cursor* stands for; raises BadInput for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = msgspec.json.decode(base64.urlsafe_b64decode(padded.encode()))
        number = values[0]
        if not isinstance(number, int) or abs(number) >= 2**63:
            raise ValueError(cursor)
    except (ValueError, IndexError, TypeError, KeyError, binascii.Error, msgspec.DecodeError):
        raise BadInput(
            f"{cursor[:80]!r} is not a valid cursor - take next_cursor from the page before"
        ) from None
    return number


def _job(row: tuple[Any, ...]) -> Job:
    started, completed = row[25], row[26]
    return Job(
        id=row[0],
        handler_name=row[1],
        source=row[2],
        status=row[3],
        run_kind=row[41],
        door=row[41],
        attempt=row[4],
        max_attempts=row[5],
        priority=row[6],
        progress=_progress(row[7], row[8], row[37]),
        cost_estimate=row[9],
        cost_actual=row[10],
        error=row[11],
        error_type=row[12],
        error_stage=row[13],
        error_details=_load(row[14]) or [],
        parent_job_id=row[15],
        execution_id=row[16],
        retry_count=row[17],
        payload=_load(row[18]),
        result=_load(row[19]),
        pulse_state=_load(row[20]),
        stop_request=row[21],
        next_attempt_at=row[22],
        created_at=row[23],
        updated_at=row[24],
        started_at=started,
        completed_at=completed,
        duration_ms=duration_ms(started, completed),
        counts=Counts(*(n or 0 for n in row[27:33])),
        receipt=receipt_of((*row[33:37], *row[38:41])),
    )


def _tree_job(row: Any) -> TreeJob:
    return TreeJob(
        id=row[0],
        parent_job_id=row[1],
        depth=row[2],
        handler_name=row[3],
        source=row[4],
        status=row[5],
        progress=Progress(row[6], row[7]),
        error=row[8],
        started_at=row[9],
        completed_at=row[10],
        duration_ms=duration_ms(row[9], row[10]),
    )


def _progress(current: int, total: int, worked_s: float | None) -> Progress:
    left_s = None
    if worked_s is not None and 0 < current <= total:
        left_s = round(worked_s * (total - current) / current, 1)
    return Progress(current, total, left_s)


def _attempt(row: tuple[Any, ...]) -> AttemptView:
    return AttemptView(
        attempt=row[0],
        status=row[1],
        worker=row[2],
        pid=row[3],
        started_at=row[4],
        ended_at=row[5],
        duration_ms=duration_ms(row[4], row[5]),
        error=row[6],
        error_type=row[7],
        error_stage=row[8],
        reason=row[9],
        first_error_seq=row[10],
        counts=Counts(*row[11:17]),
        receipt=receipt_of(row[17:24]),
    )


def duration_ms(started: str | None, ended: str | None) -> int | None:
    """Milliseconds between two stored times; None while one is missing."""
    if started is None or ended is None:
        return None
    return max(0, (from_iso(ended) - from_iso(started)) // 1000)


def _load(text: str | None) -> Any:
    """Stored JSON; text that is none stands for itself, so that one bad row breaks no list."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"$invalid_json": text}


load_json = _load
