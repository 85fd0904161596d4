"""
What a run's events write to the rows of its job and attempt.

Every statement names the state it expects (compare and set): an end that comes from an attempt
which no longer counts changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from qntx.clock import iso
from qntx.model.job import UNSUPERVISED, JobRequest
from qntx.storage.interfaces.log_rows import EventFields, RunState
from qntx.storage.sqlite.enqueue import insert_child, wake_parent

_INSERT_JOB = (
    "INSERT OR IGNORE INTO async_ix_jobs(id, source, status, handler_name, payload, attempt,"
    " max_attempts, parent_job_id, execution_id, created_at, updated_at, started_at, run_kind)"
    " VALUES(:id, :source, 'running', :handler_name, :payload, :attempt, :max_attempts,"
    " :parent_job_id, :execution_id, :at, :at, :at, :run_kind)"
)
_BEGIN = (
    " worker = ifnull(:worker, worker), pid = :pid,"
    " execution_id = ifnull(execution_id, :execution_id), started_at = :began"
)
_BEGIN_ATTEMPT = (
    f"UPDATE job_attempts SET status = 'running',{_BEGIN}"
    " WHERE run_key = :run_key AND ended_at IS NULL"
)
_END = (
    "UPDATE job_attempts SET{} status = :attempt_status, ended_at = :at, error = :error,"
    " error_type = :error_type, error_stage = :error_stage, reason = :reason, lease_until = NULL"
    " WHERE run_key = :run_key AND ended_at IS NULL"
)
_END_ATTEMPT = _END.format("")
_BEGIN_AND_END = _END.format(_BEGIN + ",")
# A request to stop that came too late for this attempt holds for the job: no next one begins.
# The execution of a schedule ends with its job, by the trigger ``execution_ends``.
_END_JOB = (
    "UPDATE async_ix_jobs SET status = CASE"
    " WHEN :status IN ('queued', 'paused') AND stop_request = 'cancel' THEN 'cancelled'"
    " WHEN :status = 'queued' AND stop_request = 'pause' THEN 'paused' ELSE :status END,"
    " result = :result, error = :error,"
    " error_type = :error_type, error_stage = :error_stage, error_details = :error_details,"
    " next_attempt_at = :next_attempt_at, updated_at = :at,"
    " retry_count = retry_count + :retries, crash_count = crash_count + :crashes,"
    # Whoever waits for its children goes on when they are over; a pause holds it even then.
    " stop_request = CASE WHEN :waits AND stop_request = 'pause' THEN 'pause' END,"
    " pulse_state = CASE"
    " WHEN :status = 'queued' AND stop_request = 'pause' THEN"
    ' \'{"pause_reason":"user_requested"}\' ELSE :pulse_state END,'
    " checkpoint = ifnull(:checkpoint, checkpoint),"
    " completed_at = CASE WHEN :final OR stop_request = 'cancel' THEN :at END"
    " WHERE id = :job_id AND status = 'running' AND attempt = :attempt"
    " RETURNING status, parent_job_id"
)
_FINAL = ("completed", "failed", "cancelled")


#: What is written of the beginning of an attempt.
Beginning = dict[str, Any]


def begin(db: apsw.Connection, run: RunState, fields: EventFields, at_us: int) -> Beginning:
    """
    An attempt begins; a run in the foreground brings its job along.

    Returns what is to be written by :func:`write_beginnings`, or with the end if that comes first.
    """
    at = iso(at_us)
    job = fields.get("job")
    if job is not None:
        # Journals that an earlier version wrote call it "door".
        kind = job.get("door", "foreground")
        db.execute(_INSERT_JOB, {"run_kind": kind, **job, "at": at, "attempt": run.attempt})
    return {
        "worker": fields.get("worker"),
        "pid": fields.get("pid"),
        "execution_id": fields.get("execution_id"),
        "began": at,
        "run_key": run.run_key,
    }


def write_beginnings(db: apsw.Connection, begun: Iterable[Beginning]) -> None:
    """The beginnings of attempts that have not ended."""
    db.cursor().executemany(_BEGIN_ATTEMPT, begun)


def end(
    db: apsw.Connection,
    run: RunState,
    begun: Beginning | None,
    fields: EventFields,
    at_us: int,
) -> None:
    """An attempt is over, *begun* in this round or before; what was ended already stays so."""
    values = _end_values(run, fields, at_us)
    if begun is not None:
        db.execute(_BEGIN_AND_END, values | begun)
    else:
        db.execute(_END_ATTEMPT, values)
    if db.changes() == 0:
        return
    if not run.fresh or any(context.context_key for context in run.contexts.values()):
        db.execute(
            "UPDATE log_contexts SET status = 'interrupted', ended_at = ?"
            " WHERE run_key = ? AND status = 'running'",
            (at_us, run.run_key),
        )
    for after, parent in db.execute(_END_JOB, values):
        if after in _FINAL:
            wake_parent(db, None if parent is None else str(parent), values["at"])
        elif values["waits"]:
            wake_parent(db, run.job_id, values["at"])


def _end_values(run: RunState, fields: EventFields, at_us: int) -> dict[str, Any]:
    status = fields["status"]
    pulse_state = fields.get("pulse_state")
    return {
        "run_key": run.run_key,
        "job_id": run.job_id,
        "attempt": run.attempt,
        "at": iso(at_us),
        "status": status,
        "attempt_status": fields.get("attempt_status") or status,
        "result": _json(fields.get("result")),
        "error": fields.get("error"),
        "error_type": fields.get("error_type"),
        "error_stage": fields.get("error_stage"),
        "error_details": _json(fields.get("error_details")),
        "reason": fields.get("reason"),
        "next_attempt_at": fields.get("next_attempt_at"),
        "retries": 1 if fields.get("retry") else 0,
        "crashes": 1 if fields.get("crashed") else 0,
        "pulse_state": _json(pulse_state),
        "checkpoint": _json(fields.get("checkpoint")),
        "final": status in _FINAL,
        "waits": (pulse_state or {}).get("waiting_for") == "children",
    }


def has_begun(db: apsw.Connection, run: RunState) -> bool:
    """Whether a beginning of the attempt is stored."""
    found = db.execute("SELECT pid FROM job_attempts WHERE run_key = ?", (run.run_key,))
    return any(pid is not None for (pid,) in found)


def spawn(db: apsw.Connection, run: RunState, fields: EventFields, at_us: int) -> None:
    """A handler puts a child of its job on the queue."""
    request = msgspec.convert(fields["request"], JobRequest)
    insert_child(db, request, run.job_id, at_us, fields["id"])


def span(db: apsw.Connection, context_key: int, fields: EventFields, at_us: int) -> None:
    """A stage or task is known (pending), begins or ends."""
    if fields["status"] == "pending":
        db.execute(
            "UPDATE log_contexts SET status = ifnull(status, 'pending'), name = ifnull(?, name)"
            " WHERE context_key = ?",
            (fields.get("name"), context_key),
        )
        return
    if fields["status"] == "running":
        db.execute(
            "UPDATE log_contexts SET status = 'running', started_at = ifnull(started_at, ?),"
            " ended_at = NULL, name = ifnull(?, name) WHERE context_key = ?",
            (at_us, fields.get("name"), context_key),
        )
        return
    db.execute(
        "UPDATE log_contexts SET status = ?, started_at = ifnull(started_at, ?), ended_at = ?,"
        " name = ifnull(?, name), result = ifnull(?, result) WHERE context_key = ?",
        (
            fields["status"],
            at_us,
            at_us,
            fields.get("name"),
            _json(fields.get("result")),
            context_key,
        ),
    )


def progress(db: apsw.Connection, run: RunState, fields: EventFields, at_us: int) -> None:
    """The job is so far; None leaves a value as it is."""
    db.execute(
        "UPDATE async_ix_jobs SET progress_current = ifnull(:current, progress_current),"
        " progress_total = ifnull(:total, progress_total),"
        " cost_actual = cost_actual + ifnull(:cost, 0), updated_at = :at"
        " WHERE id = :job_id AND attempt = :attempt AND status = 'running'",
        {
            "current": _number(fields.get("current")),
            "total": _number(fields.get("total")),
            "cost": _number(fields.get("cost")),
            "at": iso(at_us),
            "job_id": run.job_id,
            "attempt": run.attempt,
        },
    )


def checkpoint(db: apsw.Connection, run: RunState, fields: EventFields) -> None:
    """What the next attempt resumes from."""
    db.execute(
        "UPDATE async_ix_jobs SET checkpoint = ? WHERE id = ? AND attempt = ?"
        " AND status = 'running'",
        (_json(fields["state"]), run.job_id, run.attempt),
    )


def unsupervised(db: apsw.Connection, producer: str) -> list[tuple[str, int]]:
    """The running attempts (job id, attempt) that only the process of *producer* knew of."""
    rows = db.execute(
        "SELECT job_id, attempt FROM job_attempts WHERE status = 'running' AND worker = ?",
        (UNSUPERVISED + producer,),
    )
    return [(job_id, attempt) for job_id, attempt in rows]


def _number(value: Any) -> int | float | None:
    """A number that the database can hold, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    return None


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
