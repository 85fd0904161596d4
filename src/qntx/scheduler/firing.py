"""
Firing: one transaction from the due instant to the job on the queue.

Everything that belongs together is written together: the execution, its job, and the schedule's
next instant. What was decided stands in the execution's row; its lines follow after the commit
(see `recording.system_log`), so that no line tells of what was rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from qntx.clock import from_iso, iso
from qntx.errors import BadInput, QntxError
from qntx.model.firing_policy import (
    ON_TIME_US,
    CatchUp,
    Downtime,
    catch_up,
    on_overlap,
    parse_missed,
    parse_overlap,
)
from qntx.model.ids import new_id
from qntx.model.job import JobRequest
from qntx.model.schedule import Execution, Schedule, kept_timing
from qntx.model.views import Counts
from qntx.runtime.requests import MakesRequests
from qntx.storage.interfaces import Executions, Schedules, Store

LAST_RUN = "last_run"


class Firing:
    """Turns due instants of schedules into executions and jobs."""

    def __init__(self, store: Store, request: MakesRequests) -> None:
        self._store = store
        self._request = request

    @property
    def schedules(self) -> Schedules:
        """The schedules, on this thread's connection."""
        return self._store.schedules

    @property
    def executions(self) -> Executions:
        """The executions, on this thread's connection."""
        return self._store.executions

    def fire_due(self, ids: Iterable[str], now_us: int) -> list[Execution]:
        """Fire what is due of the schedules *ids* at *now_us*, all in one transaction."""
        made: list[Execution] = []
        with self._store.transaction():
            down = self.schedules.beat(now_us)
            for schedule_id in ids:
                schedule = self.schedules.get(schedule_id)
                due_at = schedule.next_run_at
                # Another ticker may have been faster; the row as it is now decides.
                if schedule.state == "active" and due_at is not None and from_iso(due_at) <= now_us:
                    made += self._fire(schedule, now_us, down)
        return made

    def fire_now(
        self, schedule: Schedule, now_us: int, *, cause: str = "force", payload: Any = None
    ) -> Execution:
        """
        Fire *schedule* at once, whatever its timing says; within the caller's transaction.

        Raises UnknownHandler, or BadInput when the payload does not fit: nothing is written then.
        """
        execution = _execution(schedule, None, now_us, cause=cause)
        given = schedule.payload if payload is None else payload
        request = self._checked(schedule, execution.id, given)
        self._enqueue(schedule, execution, request, now_us, waits_for=())
        self.schedules.update(
            schedule.id,
            {"last_run_at": iso(now_us), "last_execution_id": execution.id},
            now_us,
        )
        return self.executions.get(execution.id)

    # -- one schedule --------------------------------------------------------------------------

    def _fire(self, schedule: Schedule, now_us: int, down: Downtime | None) -> list[Execution]:
        assert schedule.next_nominal_at is not None
        try:
            plan = catch_up(
                schedule.id,
                kept_timing(schedule),
                from_iso(schedule.next_nominal_at),
                now_us,
                parse_missed(schedule.missed),
            )
        except BadInput as error:
            return self._broken(schedule, str(error), now_us)
        made = self._missed(schedule, plan, now_us, down)
        fields: dict[str, Any] = {}
        for nominal_us in plan.fire:
            execution = self._fire_instant(schedule, nominal_us, now_us, down)
            if execution is not None:
                made.append(execution)
            if execution is not None and execution.async_job_id is not None:
                fields = {"last_run_at": iso(now_us), "last_execution_id": execution.id}
        self.schedules.advance(schedule, fields | self._next(schedule, plan.next_us), now_us)
        return made

    def _next(self, schedule: Schedule, next_us: int | None) -> dict[str, Any]:
        if next_us is None:
            return {
                "next_nominal_at": None,
                "next_run_at": None,
                "state": "inactive",
                "state_reason": "its last instant has passed",
            }
        due_us = kept_timing(schedule).due(schedule.id, next_us)
        return {"next_nominal_at": iso(next_us), "next_run_at": iso(due_us)}

    def _missed(
        self, schedule: Schedule, plan: CatchUp, now_us: int, down: Downtime | None
    ) -> list[Execution]:
        made = []
        if plan.earlier_us is not None:
            until = iso((*plan.missed, *plan.fire)[0])
            why = f"this and every later instant before {until}, {_why_late(plan.earlier_us, down)}"
            made.append(_execution(schedule, plan.earlier_us, now_us, status="missed", reason=why))
        for nominal_us in plan.missed:
            why = _why_late(nominal_us, down)
            made.append(_execution(schedule, nominal_us, now_us, status="missed", reason=why))
        return [execution for execution in made if self.executions.insert(execution)]

    def _fire_instant(
        self, schedule: Schedule, nominal_us: int, now_us: int, down: Downtime | None
    ) -> Execution | None:
        """One instant; None when it was fired before."""
        late = now_us - kept_timing(schedule).due(schedule.id, nominal_us) > ON_TIME_US
        why = _why_late(nominal_us, down) if late else None
        cause = "catch_up" if late else "schedule"
        execution = _execution(schedule, nominal_us, now_us, cause=cause, reason=why)
        active = self.executions.active(schedule.id)
        waiting = sum(other.waiting for other in active)
        action = on_overlap(
            parse_overlap(schedule.overlap), len(active) - waiting, waiting, late=late
        )
        jobs = [str(other.async_job_id) for other in active]
        if action == "skip":
            return self._note(execution, "skipped", _overlap(schedule, active))
        try:
            request = self._checked(schedule, execution.id, schedule.payload)
        except QntxError as error:
            return self._note(execution, "failed", f"not enqueued: {error}", str(error))
        if not self._enqueue(
            schedule, execution, request, now_us, waits_for=() if action == "run" else jobs
        ):
            return None
        if action == "replace":
            for job in jobs:
                self.executions.replace_job(job, execution.id, now_us)
        return self.executions.get(execution.id)

    # -- writing ---------------------------------------------------------------------------------

    def _checked(self, schedule: Schedule, execution_id: str, payload: Any) -> JobRequest:
        if schedule.handler_name is None:
            raise BadInput(f"schedule {schedule.id} has no handler_name - give it one by an edit")
        return self._request(
            schedule.handler_name,
            since_last_run(payload, schedule.last_run_at),
            source=schedule.source_url or schedule.ats_code or schedule.handler_name,
            execution_id=execution_id,
            priority=schedule.priority,
        )

    def _enqueue(
        self,
        schedule: Schedule,
        execution: Execution,
        request: JobRequest,
        now_us: int,
        *,
        waits_for: Iterable[str],
    ) -> bool:
        """Write the execution and its job; False when the instant was fired before."""
        behind = list(waits_for)
        job_id = new_id("JB")
        reason = execution.reason
        if behind:
            waits = f"waits for {', '.join(behind)} (overlap policy {schedule.overlap})"
            reason = waits if reason is None else f"{reason}; {waits}"
        if not self.executions.insert(
            _changed(execution, async_job_id=job_id, waiting=bool(behind), reason=reason)
        ):
            return False
        self._store.queue.add(request, job_id, now_us)
        if behind:
            self.executions.hold_job(job_id, behind)
        return True

    def _note(
        self, execution: Execution, status: str, reason: str, error: str | None = None
    ) -> Execution | None:
        """An instant that has no job, and why."""
        noted = _changed(execution, status=status, reason=reason, error_message=error)
        return noted if self.executions.insert(noted) else None

    def give_up(self, schedule_id: str, error: str, now_us: int) -> list[Execution]:
        """Pause a schedule that cannot be fired, and say why."""
        with self._store.transaction():
            return self._broken(self.schedules.get(schedule_id), error, now_us)

    def _broken(self, schedule: Schedule, error: str, now_us: int) -> list[Execution]:
        """A schedule whose timing cannot be used any more is paused, and says why."""
        nominal_us = from_iso(str(schedule.next_nominal_at))
        execution = _execution(schedule, nominal_us, now_us)
        noted = self._note(execution, "failed", f"the schedule was paused: {error}", error)
        fields = {
            "state": "paused",
            "state_reason": f"paused by the scheduler: {error}",
            "next_run_at": None,
            "next_nominal_at": None,
        }
        self.schedules.advance(schedule, fields, now_us)
        return [] if noted is None else [noted]


def since_last_run(payload: Any, last_run_at: str | None) -> Any:
    """*payload* with ``"since": "last_run"`` replaced by the time of the last run, or removed."""
    if not isinstance(payload, dict) or payload.get("since") != LAST_RUN:
        return payload
    rest = {name: value for name, value in payload.items() if name != "since"}
    return rest if last_run_at is None else {**rest, "since": last_run_at}


def _overlap(schedule: Schedule, active: list[Execution]) -> str:
    jobs = ", ".join(f"{e.async_job_id} ({e.job_status})" for e in active[:5])
    more = f" and {len(active) - 5} more" if len(active) > 5 else ""
    return f"overlap with {jobs}{more} (overlap policy {schedule.overlap})"


def _why_late(nominal_us: int, down: Downtime | None) -> str:
    if down is not None and down.from_us <= nominal_us <= down.until_us:
        return f"server down from {iso(down.from_us)} to {iso(down.until_us)}"
    return "no ticker came to it in time"


def _execution(
    schedule: Schedule,
    nominal_us: int | None,
    now_us: int,
    *,
    status: str = "running",
    cause: str = "schedule",
    reason: str | None = None,
) -> Execution:
    at = iso(now_us)
    return Execution(
        id=new_id("PX"),
        scheduled_job_id=schedule.id,
        async_job_id=None,
        status=status,
        cause=cause,
        nominal_at=None if nominal_us is None else iso(nominal_us),
        started_at=at,
        completed_at=None,
        duration_ms=None,
        reason=reason,
        waiting=False,
        result_summary=None,
        error_message=None,
        job_status=None,
        counts=Counts(),
        created_at=at,
        updated_at=at,
    )


def _changed(execution: Execution, **fields: Any) -> Execution:
    return msgspec.structs.replace(execution, **fields)
