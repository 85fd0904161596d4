"""How an attempt ended, and what that makes of the job."""

from __future__ import annotations

from typing import Any

import msgspec

from qntx.clock import iso, now_us
from qntx.errors import JobCancelled, JobInterrupted, JobStopped, JobTimedOut, QntxError
from qntx.journal.run_scope import Scope
from qntx.model.job import Claimed
from qntx.model.log import ERROR, INFO, WARN
from qntx.model.retry import RetryPolicy
from qntx.recording import metadata, streams
from qntx.recording.context import ActiveRun
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.lines import append_line, masked
from qntx.recording.system_log import LogNote

#: Of these, 0, False and an empty list are values like any other.
_ANY_VALUE = ("result", "checkpoint")


class Outcome(msgspec.Struct, frozen=True):
    """The end of an attempt; *status* is that of the job afterwards."""

    status: str
    result: Any = None
    error: str | None = None
    error_type: str | None = None
    error_stage: str | None = None
    error_details: list[str] = []
    #: Status of the attempt where it is not the job's (a failed attempt of a job to be retried).
    attempt_status: str | None = None
    reason: str | None = None
    next_attempt_at: str | None = None
    retry: bool = False
    crashed: bool = False
    pulse_state: dict[str, Any] | None = None
    #: What the next attempt resumes from, where the end itself sets it.
    checkpoint: Any = None

    def fields(self) -> dict[str, Any]:
        """For the record of the end."""
        return {
            name: value
            for name, value in msgspec.structs.asdict(self).items()
            if value is not None and (name in _ANY_VALUE or value not in (False, []))
        }


def failure(error: BaseException, active: ActiveRun, fallback: Scope | None = None) -> Outcome:
    """
    The outcome of an attempt that *error* ended; the last line of the log says so.

    The line belongs to the stage and task in which *error* was raised.
    """
    streams.finish(active)
    scope = getattr(error, "__qntx_scope__", None)
    if not isinstance(scope, Scope) or scope.run is not active.run:
        scope = fallback or active.root
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    expected = isinstance(error, QntxError)
    # An error made for people is one sentence; any other comes with its traceback.
    text = str(error) if expected else traceback_text(error)
    append_line(
        active, scope, ERROR, active.journal.origin("exception"), text, exception_metadata(error)
    )
    summary = masked(str(error) if expected else _summary(error, name))
    notes = masked(_notes(error))
    return Outcome("failed", None, summary, name, scope.stage, notes)


def stopped(stop: JobStopped, active: ActiveRun, fallback: Scope) -> Outcome:
    """The outcome of an attempt that ended because it was asked to."""
    if isinstance(stop, JobTimedOut):
        found = failure(stop, active, fallback)
        return Outcome("failed", None, found.error, "timeout", found.error_stage, reason="timeout")
    append_line(active, active.root, INFO, active.journal.origin("system"), str(stop))
    if isinstance(stop, JobCancelled):
        return Outcome("cancelled", error=str(stop), reason="cancelled")
    if isinstance(stop, JobInterrupted):
        said = back_to_the_queue(stop.reason)
        origin = active.journal.origin(said.source)
        append_line(active, active.root, said.level, origin, said.text, said.metadata)
        return Outcome("queued", reason=stop.reason)
    return Outcome("paused", reason="paused", pulse_state={"pause_reason": "user_requested"})


def back_to_the_queue(reason: str) -> LogNote:
    """That an attempt ended for a *reason* that is nobody's fault, and its job goes on later."""
    if reason == "lease_expired":
        text = "lease lost: nobody renewed it for as long as it lasts; back to the queue"
        return LogNote(WARN, "scheduler", text, {"reason": reason})
    return LogNote(INFO, "scheduler", f"back to the queue: {reason}")


def with_retry(
    outcome: Outcome, error: BaseException | None, job: Claimed, policy: RetryPolicy
) -> tuple[Outcome, list[LogNote]]:
    """*outcome*, or the same with a retry planned where *policy* has one; and what to say of it."""
    limited = RetryPolicy(job.max_attempts, policy.retry_on, policy.backoff, policy.max_crashes)
    if outcome.crashed and 0 < policy.max_crashes <= job.crash_count + 1:
        text = (
            f"set apart: the job took its worker down {job.crash_count + 1} times - "
            "find out why before you retry it"
        )
        quarantined = _changed(
            outcome,
            status="failed",
            error=outcome.error or outcome.reason,
            error_type="quarantined",
        )
        return quarantined, [LogNote(ERROR, "scheduler", text)]
    if outcome.status != "failed" or not limited.retries(error, job.retry_count):
        return outcome, []
    wait_s = policy.backoff.wait_s(job.retry_count + 1)
    text = (
        f"retry in {wait_s:.1f} s because {outcome.error_type} "
        f"(retry {job.retry_count + 1} of {job.max_attempts - 1})"
    )
    planned = _changed(
        outcome,
        status="queued",
        attempt_status="failed",
        retry=True,
        next_attempt_at=iso(now_us() + int(wait_s * 1e6)),
    )
    return planned, [LogNote(WARN, "scheduler", text)]


def _changed(outcome: Outcome, **changes: Any) -> Outcome:
    return msgspec.structs.replace(outcome, **changes)


def jsonable(result: Any) -> Any:
    """What the handler returned, as JSON can say it, without secrets."""
    if result is None:
        return None
    try:
        msgspec.json.encode(result)
        tree = msgspec.to_builtins(result)
    except Exception:  # noqa: BLE001 - any object may be returned
        tree = metadata.jsonable(result)
    return masked(tree, is_tree=True)


def _notes(error: BaseException) -> list[str]:
    try:
        return [str(note) for note in getattr(error, "__notes__", [])]
    except Exception:  # noqa: BLE001 - __str__ of user code
        return []


def _summary(error: BaseException, name: str) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - __str__ of user code
        text = ""
    return f"{name}: {text}" if text else name
