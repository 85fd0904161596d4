"""The queue in SQLite: every move is one transaction, and names the state it moves from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw
import msgspec

from qntx.clock import from_iso, iso, now_us
from qntx.errors import IllegalTransition, NotFound
from qntx.model.job import Claimed, JobRequest, JobStatus, check_move
from qntx.storage.interfaces.jobs import Queue
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.enqueue import insert_child, insert_job, parent_of, values_of, wake_parent
from qntx.storage.sqlite.jobs import load_json
from qntx.storage.sqlite.run_kinds import check_run_kind
from qntx.storage.sqlite.translation import translated

# The index is named: left to itself, SQLite sorts everything that is queued for every claim.
_CLAIM = """
UPDATE async_ix_jobs SET status = 'running', attempt = attempt + 1, updated_at = :at,
    started_at = ifnull(started_at, :at), completed_at = NULL, error = NULL, error_type = NULL,
    error_stage = NULL, error_details = NULL, pulse_state = NULL, stop_request = NULL
WHERE rowid IN (SELECT rowid FROM async_ix_jobs INDEXED BY jobs_ready
                WHERE status = 'queued' AND next_attempt_at IS NULL
                AND handler_name IN (SELECT value FROM json_each(:handlers))
                ORDER BY priority DESC, rowid LIMIT :limit)
RETURNING id, handler_name, source, payload, attempt, max_attempts, checkpoint, execution_id,
          parent_job_id, retry_count, crash_count, priority, rowid
"""
_STARTED = """
INSERT INTO job_attempts(job_id, attempt, execution_id, status, worker, started_at, lease_until)
VALUES(?, ?, ?, 'running', ?, ?, ?)
ON CONFLICT(job_id, attempt) DO UPDATE SET status = 'running', worker = excluded.worker,
    started_at = excluded.started_at, lease_until = excluded.lease_until, ended_at = NULL,
    pid = NULL, error = NULL, error_type = NULL, error_stage = NULL, reason = NULL
"""
_PUT_BACK = """
UPDATE async_ix_jobs SET status = 'queued', attempt = attempt - 1, updated_at = :at,
    started_at = iif(attempt = 1, NULL, started_at)
WHERE id = :id AND status = 'running' AND attempt = :attempt AND EXISTS (
    SELECT 1 FROM job_attempts a WHERE a.job_id = :id AND a.attempt = :attempt
    AND a.ended_at IS NULL AND a.lease_until > :at)
RETURNING stop_request
"""
#: The active descendants of a job: their ids, and their statuses.
DESCENDANTS = """
WITH RECURSIVE below(id) AS (
    SELECT id FROM async_ix_jobs WHERE parent_job_id = ?
    UNION SELECT j.id FROM async_ix_jobs j JOIN below ON j.parent_job_id = below.id)
SELECT j.id, j.status FROM async_ix_jobs j JOIN below USING (id)
WHERE j.status IN ('queued', 'running', 'paused')
"""


_TARGETS = {"cancel": JobStatus.CANCELLED, "pause": JobStatus.PAUSED}


@translated
class JobQueue(Queue):  # budget: one method per question
    """Moves of jobs; *changed* is called after each that may give a worker something to do."""

    def __init__(self, connection: apsw.Connection, changed: Callable[[], None]) -> None:
        self._db = connection
        self._changed = changed

    # -- into the queue --------------------------------------------------------------------------

    def enqueue(self, requests: Sequence[JobRequest]) -> list[str]:
        now = now_us()
        rows = [(request, values_of(request, now)) for request in requests]
        with transaction(self._db):
            ids = [insert_job(self._db, request, values) for request, values in rows]
        self._changed()
        return ids

    def add(self, request: JobRequest, job_id: str, now_us: int) -> str:
        return insert_job(self._db, request, values_of(request, now_us, job_id))

    def enqueue_child(self, request: JobRequest, parent: Claimed, job_id: str) -> str | None:
        with transaction(self._db):
            at_work = self._value(
                "SELECT 1 FROM async_ix_jobs WHERE id = ? AND status = 'running' AND attempt = ?",
                parent.id,
                parent.attempt,
            )
            if at_work is None and self._value(
                "SELECT 1 FROM async_ix_jobs WHERE id = ?", parent.id
            ):
                return None
            found = insert_child(self._db, request, parent.id, now_us(), job_id)
        self._changed()
        return found

    # -- out of it -------------------------------------------------------------------------------

    def claim(
        self, limit: int, worker: str, handlers: Iterable[str], lease_s: float
    ) -> list[Claimed]:
        now = now_us()
        at, until = iso(now), iso(now + int(lease_s * 1e6))
        names = msgspec.json.encode(list(handlers)).decode()
        with transaction(self._db):
            self._db.execute(
                "UPDATE async_ix_jobs SET next_attempt_at = NULL"
                " WHERE status = 'queued' AND next_attempt_at <= ?",
                (at,),
            )
            values = {"at": at, "limit": limit, "handlers": names}
            rows = self._db.execute(_CLAIM, values).fetchall()
            rows.sort(key=_claim_order)
            self._db.cursor().executemany(
                _STARTED, [(row[0], row[4], row[7], worker, at, until) for row in rows]
            )
        return [_claimed(row) for row in rows]

    def put_back(self, jobs: Iterable[Claimed]) -> None:
        with transaction(self._db):
            for job in jobs:
                values = {"id": job.id, "attempt": job.attempt, "at": iso(now_us())}
                for (request,) in self._db.execute(_PUT_BACK, values).fetchall():
                    self._db.execute(
                        "UPDATE job_attempts SET status = 'queued', worker = NULL,"
                        " lease_until = NULL WHERE job_id = :id AND attempt = :attempt",
                        values,
                    )
                    if request is not None:
                        self._stop(job.id, _TARGETS[str(request)], str(request))
        self._changed()

    def has_due(self, handlers: Iterable[str]) -> bool:
        names = msgspec.json.encode(list(handlers)).decode()
        mine = "handler_name IN (SELECT value FROM json_each(?1))"
        sql = (
            "SELECT EXISTS(SELECT 1 FROM async_ix_jobs INDEXED BY jobs_ready"
            f" WHERE status = 'queued' AND next_attempt_at IS NULL AND {mine})"
            " OR EXISTS(SELECT 1 FROM async_ix_jobs INDEXED BY jobs_delayed"
            f" WHERE status = 'queued' AND next_attempt_at <= ?2 AND {mine})"
        )
        return bool(self._value(sql, names, iso(now_us())))

    def next_due_us(self, after_us: int) -> int | None:
        found = self._value(
            "SELECT min(next_attempt_at) FROM async_ix_jobs WHERE status = 'queued'"
            " AND next_attempt_at > ?",
            iso(after_us),
        )
        return None if found is None else from_iso(str(found))

    # -- control ---------------------------------------------------------------------------------

    def cancel(self, job_id: str, *, children: bool = True) -> str:
        with transaction(self._db):
            status = self._stop(job_id, JobStatus.CANCELLED, "cancel")
            for child, _ in self._db.execute(DESCENDANTS, (job_id,)).fetchall() if children else ():
                self._stop(str(child), JobStatus.CANCELLED, "cancel")
        self._changed()
        return status

    def pause(self, job_id: str) -> str:
        with transaction(self._db):
            status = self._stop(job_id, JobStatus.PAUSED, "pause")
        self._changed()
        return status

    def resume(self, job_id: str) -> str:
        with transaction(self._db):
            self._db.execute(
                "UPDATE async_ix_jobs SET stop_request = NULL, updated_at = ?"
                " WHERE id = ? AND status = 'paused' AND stop_request = 'pause'",
                (iso(now_us()), job_id),
            )
            if self._db.changes():
                return str(JobStatus.PAUSED)
        return self._requeue(job_id, {JobStatus.PAUSED})

    def retry(self, job_id: str) -> str:
        return self._requeue(job_id, {JobStatus.FAILED, JobStatus.CANCELLED})

    def stop_requests(self) -> list[tuple[str, str]]:
        rows = self._db.execute(
            "SELECT id, stop_request FROM async_ix_jobs WHERE status = 'running'"
            " AND stop_request IS NOT NULL"
        )
        return [(str(job_id), str(request)) for job_id, request in rows]

    # -- leases ----------------------------------------------------------------------------------

    def renew(self, attempts: Sequence[tuple[str, int]], lease_s: float) -> set[tuple[str, int]]:
        until = iso(now_us() + int(lease_s * 1e6))
        with transaction(self._db):
            renewed = self._db.cursor().executemany(
                "UPDATE job_attempts SET lease_until = ? WHERE job_id = ? AND attempt = ?"
                " AND ended_at IS NULL RETURNING job_id, attempt",
                [(until, job_id, attempt) for job_id, attempt in attempts],
            )
            return set(attempts).difference((str(j), int(str(a))) for j, a in renewed)

    def running(self) -> list[tuple[Claimed, str, str | None]]:
        rows = self._db.execute(
            "SELECT j.id, j.handler_name, j.source, j.payload, a.attempt, j.max_attempts,"
            " j.checkpoint, j.execution_id, j.parent_job_id, j.retry_count, j.crash_count,"
            " a.worker, a.lease_until FROM job_attempts a JOIN async_ix_jobs j ON j.id = a.job_id"
            " WHERE a.status = 'running' AND a.lease_until IS NOT NULL AND a.ended_at IS NULL"
            " AND j.attempt = a.attempt"
        ).fetchall()
        return [(_claimed(row), str(row[11]), row[12]) for row in rows]  # type: ignore[misc]

    # -- inside ----------------------------------------------------------------------------------

    def _stop(self, job_id: str, target: JobStatus, request: str) -> str:
        status = self._status(job_id)
        check_move(job_id, status, target)
        check_run_kind(self._db, job_id, request)
        at = iso(now_us())
        if status is JobStatus.RUNNING:
            self._db.execute(
                "UPDATE async_ix_jobs SET stop_request = CASE WHEN stop_request = 'cancel' THEN"
                " stop_request ELSE ? END, updated_at = ? WHERE id = ? AND status = 'running'",
                (request, at, job_id),
            )
            return str(status)
        self._db.execute(
            "UPDATE async_ix_jobs SET status = ?1, updated_at = ?2, stop_request = NULL,"
            " completed_at = CASE WHEN ?1 = 'cancelled' THEN ?2 END WHERE id = ?3 AND status = ?4",
            (str(target), at, job_id, str(status)),
        )
        if target is JobStatus.CANCELLED:
            wake_parent(self._db, parent_of(self._db, job_id), at)
        return str(target)

    def _requeue(self, job_id: str, allowed: set[JobStatus]) -> str:
        with transaction(self._db):
            status = self._status(job_id)
            if status not in allowed:
                check_move(job_id, status, JobStatus.QUEUED)
                raise IllegalTransition(
                    f"job {job_id} is {status}; this works for one that is "
                    f"{' or '.join(sorted(allowed))}"
                )
            check_run_kind(self._db, job_id, "retry")
            self._db.execute(
                "UPDATE async_ix_jobs SET status = 'queued',"
                " next_attempt_at = iif(status = 'paused', next_attempt_at, NULL),"
                " pulse_state = NULL, stop_request = NULL, completed_at = NULL, crash_count = 0,"
                " updated_at = ? WHERE id = ? AND status = ?",
                (iso(now_us()), job_id, str(status)),
            )
        self._changed()
        return str(JobStatus.QUEUED)

    def _status(self, job_id: str) -> JobStatus:
        found = self._value("SELECT status FROM async_ix_jobs WHERE id = ?", job_id)
        if found is None:
            raise NotFound(f"unknown job {job_id!r} - qntx jobs lists those that exist")
        return JobStatus(str(found))

    def _value(self, sql: str, *values: Any) -> Any:
        for row in self._db.execute(sql, values):
            return row[0]
        return None


def _claim_order(row: tuple[Any, ...]) -> tuple[int, int]:
    return -row[11], row[12]


def _claimed(row: Any) -> Claimed:
    return Claimed(
        id=row[0],
        handler_name=row[1],
        source=row[2],
        payload=load_json(row[3]),
        attempt=row[4],
        max_attempts=row[5],
        checkpoint=load_json(row[6]),
        execution_id=row[7],
        parent_job_id=row[8],
        retry_count=row[9],
        crash_count=row[10],
    )
