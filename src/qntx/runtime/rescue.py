"""
What becomes of jobs whose worker, or whole server, is gone.

Whoever judges cannot know how far the worker came: what it said last may still be on its way into
the store. So a verdict has two halves, for an attempt that had begun and for one that had not, and
the indexer, which reads everything the worker left first, applies one of them - or none, if the
attempt had ended after all.
"""

from __future__ import annotations

from typing import Any

from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
from qntx.model.job import Claimed
from qntx.model.log import ERROR, INFO
from qntx.model.retry import Backoff, RetryPolicy
from qntx.recording.system_log import LogNote
from qntx.runtime.outcome import Outcome, back_to_the_queue, with_retry
from qntx.runtime.wire import Ready

#: Ends that are nobody's fault: the job goes back to the queue, and no retry is counted.
BLAMELESS = ("server_restarted", "lease_expired", "server_shutdown", "neighbour_stopped")
#: Ends that somebody asked for.
_ASKED = ("cancelled", "paused", "timeout")

_Half = tuple[Outcome, list[LogNote]]


def rescue(
    job: Claimed,
    reason: str,
    journal: Journal,
    introduced: Ready | None = None,
    *,
    next_in_line: bool = False,
) -> None:
    """
    End the attempt of *job* whose worker ended with *reason*, in the log and in the store.

    *next_in_line*: it was the first of the jobs that the worker held, so if none had begun, the
    worker may have died of this one.
    """
    policy = _policy(job, introduced)
    begun = _begun(job, reason, policy)
    waiting = begun if reason in _ASKED else _waiting(job, reason, policy, next_in_line)
    _record(job, journal, begun, waiting)


def give_back(job: Claimed, journal: Journal, why: str) -> None:
    """A job that had been handed out but not begun: back to the queue, as if never claimed."""
    said = [LogNote(INFO, "scheduler", f"back to the queue: {why}")]
    half = Outcome("queued", reason="not_started"), said
    _record(job, journal, half, half)


def _record(job: Claimed, journal: Journal, begun: _Half, waiting: _Half) -> None:
    fields: dict[str, Any] = {
        name: {"end": outcome.fields(), "says": said}
        for name, (outcome, said) in (("begun", begun), ("waiting", waiting))
    }
    journal.event(Scope(Run(job.id, job.attempt)), "verdict", fields)


def _begun(job: Claimed, reason: str, policy: RetryPolicy) -> _Half:
    text = f"the worker is gone: {reason}; everything it had said is above"
    said = [LogNote(ERROR, "system", text, {"reason": reason})]
    if reason in ("cancelled", "paused"):
        error = f"killed: it did not stop in time ({reason})"
        return Outcome(reason, error=error, reason=reason), said
    if reason in BLAMELESS:
        said.append(back_to_the_queue(reason))
        return Outcome("queued", error=reason, attempt_status="failed", reason=reason), said
    outcome = Outcome(
        "failed",
        error=reason,
        error_type="timeout" if reason == "timeout" else "worker_died",
        reason=reason,
        crashed=reason != "timeout",
    )
    planned, more = with_retry(outcome, None, job, policy)
    return planned, said + more


def _waiting(job: Claimed, reason: str, policy: RetryPolicy, next_in_line: bool) -> _Half:
    said = [LogNote(INFO, "scheduler", f"back to the queue: the worker is gone ({reason})")]
    blamed = next_in_line and reason not in BLAMELESS
    outcome = Outcome("queued", reason="not_started", crashed=blamed)
    planned, more = with_retry(outcome, None, job, policy)
    return planned, more or said


def _policy(job: Claimed, introduced: Ready | None) -> RetryPolicy:
    known = introduced.policies.get(job.handler_name) if introduced is not None else None
    if known is None:
        return RetryPolicy(job.max_attempts)
    base_s, factor, limit_s, jitter, max_crashes = known
    return RetryPolicy(job.max_attempts, (), Backoff(base_s, factor, limit_s, jitter), max_crashes)
