"""What people and code do with schedules: create, edit, pause, resume, trigger, delete."""

from __future__ import annotations

from typing import Any

import msgspec

from qntx.application import ResolvedCode
from qntx.clock import iso, now_us
from qntx.config import Settings
from qntx.errors import BadInput, Conflict, NeverFires, NotFound
from qntx.handlers.shell_command import SHELL_HANDLER
from qntx.model.ids import new_id
from qntx.model.job import JobRequest
from qntx.model.log import INFO
from qntx.model.schedule import (
    Execution,
    NewSchedule,
    Schedule,
    ScheduleState,
    check_move,
    first_run,
    timing_of,
)
from qntx.model.timing import Timing
from qntx.recording.session import journal_of
from qntx.recording.system_log import ScheduleLog
from qntx.runtime.registry import Registry
from qntx.runtime.requests import MakesRequests
from qntx.scheduler.edits import EditSchedule, edited
from qntx.scheduler.firing import Firing, since_last_run
from qntx.scheduler.ticker import WAKER
from qntx.storage.interfaces import Executions, Schedules, Store

FORCE_TRIGGER = "__force_trigger__"


class ScheduleService:
    """The schedules of one data directory, for whoever changes them; *by* says who did."""

    def __init__(
        self, settings: Settings, store: Store, request: MakesRequests, registered: Registry
    ) -> None:
        self._settings = settings
        self._store = store
        self._request = request
        self.registered = registered
        self._firing = Firing(store, request)

    @property
    def kept(self) -> Schedules:
        """The rows, on this thread's connection."""
        return self._store.schedules

    @property
    def executions(self) -> Executions:
        """The executions' rows, on this thread's connection."""
        return self._store.executions

    def create(
        self, new: NewSchedule, *, by: str, declared_as: str | None = None
    ) -> tuple[Schedule, Execution | None]:
        """
        Create a schedule; with *force* it fires at once, and the execution is given, too.

        Raises BadInput with the value that cannot be used, UnknownHandler.
        """
        at_us = now_us()
        schedule_id = new_id("SP")
        new, asked = resolve(new, schedule_id, self.registered)
        timing = timing_of(new, at_us, schedule_id)
        checked = self._checked(asked.handler_name, asked.payload, at_us)
        fields = _row(schedule_id, new, timing, at_us) | {
            "source_url": asked.source or None,
            "handler_name": checked.handler_name,
            "payload": asked.payload,
            "declared_as": declared_as,
        }
        fired = None
        with self._store.transaction():
            self.kept.insert(fields)
            schedule = self.kept.get(schedule_id)
            if new.force:
                fired = self._firing.fire_now(schedule, at_us)
                schedule = self.kept.get(schedule_id)
        when = f"next at {schedule.next_run_at}" if schedule.next_run_at else "by hand only"
        self._log(schedule_id, f"created by {by}: {schedule.timing}, {when}")
        self._recorded(fired)
        return schedule, fired

    def edit(self, schedule_id: str, change: EditSchedule, *, by: str) -> Schedule:
        """
        Change a schedule and plan it anew, all at once; its state, too, if that is given.

        Raises NotFound, BadInput, or IllegalTransition.
        """
        at_us = now_us()
        with self._store.transaction():
            before = self.get(schedule_id)
            fields = edited(before, change, at_us, by)
            if {"handler_name", "payload"} & fields.keys():
                merged = msgspec.structs.replace(
                    before,
                    **{
                        name: fields[name] for name in ("handler_name", "payload") if name in fields
                    },
                )
                self._checked(str(merged.handler_name), merged.payload, at_us)
            if fields.get("state") == ScheduleState.STOPPING and not self.executions.active(
                schedule_id
            ):
                fields |= {"state": str(ScheduleState.INACTIVE)}
            self.kept.update(schedule_id, fields, at_us)
            after = self.kept.get(schedule_id)
        what = f"{after.state}" if after.state != before.state else "changed"
        self._log(schedule_id, f"{what} by {by}: {after.timing}, next at {after.next_run_at}")
        return after

    def pause(self, schedule_id: str, *, by: str) -> Schedule:
        """Fire no more until :meth:`resume`; running jobs go on. Raises as :meth:`edit`."""
        return self.edit(schedule_id, EditSchedule(state="paused"), by=by)

    def resume(self, schedule_id: str, *, by: str) -> Schedule:
        """Fire again; instants of the pause were not missed. Raises as :meth:`edit`."""
        return self.edit(schedule_id, EditSchedule(state="active"), by=by)

    def delete(self, schedule_id: str, *, by: str) -> None:
        """Delete a schedule; its jobs, executions and logs stay. Raises NotFound."""
        at_us = now_us()
        with self._store.transaction():
            before = self.get(schedule_id)
            check_move(schedule_id, ScheduleState(before.state), ScheduleState.DELETED)
            fields = {
                "state": "deleted",
                "state_reason": f"deleted by {by}",
                "next_run_at": None,
                "next_nominal_at": None,
            }
            self.kept.update(schedule_id, fields, at_us)
        self._log(schedule_id, f"deleted by {by}; its executions and their logs stay")

    def trigger(self, schedule_id: str) -> Execution:
        """Fire a schedule now, whatever its timing and overlap policy say. Raises NotFound."""
        with self._store.transaction():
            fired = self._firing.fire_now(self.get(schedule_id), now_us())
        self._recorded(fired)
        return fired

    def rerun(self, execution_id: str) -> Execution:
        """Run again what an execution ran, with the same payload, as an execution of its own."""
        with self._store.transaction():
            old = self.executions.get(execution_id)
            schedule = self.kept.get(old.scheduled_job_id)
            if schedule.state == ScheduleState.DELETED:
                raise Conflict(
                    f"schedule {schedule.id} of execution {execution_id} is deleted - enqueue its "
                    "job again instead (qntx retry JB_…)"
                )
            payload = None
            if old.async_job_id is not None:
                payload = self._store.jobs.get(old.async_job_id).payload
            fired = self._firing.fire_now(schedule, now_us(), cause="rerun", payload=payload)
        self._recorded(fired)
        return fired

    def get(self, schedule_id: str) -> Schedule:
        """A schedule that is not deleted; raises NotFound."""
        found = self.kept.get(schedule_id)
        if found.state == ScheduleState.DELETED:
            raise NotFound(f"schedule {schedule_id} is deleted - its executions are still there")
        return found

    # -- inside --------------------------------------------------------------------------------

    def _checked(self, handler: str, payload: Any, at_us: int) -> JobRequest:
        """What the first firing asks for; raises as `App.request`, for later ones, too."""
        self._request(handler, since_last_run(payload, iso(at_us)))
        return self._request(handler, since_last_run(payload, None))

    def _recorded(self, fired: Execution | None) -> None:
        if fired is not None:
            self._schedule_log.record([fired])
            with self._store.transaction():
                self.executions.mark_told([fired.id])
            self._store.notify_jobs()

    def _log(self, schedule_id: str, message: str) -> None:
        self._schedule_log.write(schedule_id, INFO, message)
        self._store.wakeup(WAKER).notify()

    @property
    def _schedule_log(self) -> ScheduleLog:
        return ScheduleLog(journal_of(self._settings.home, self._settings.capture))


def resolve(
    new: NewSchedule, schedule_id: str, registered: Registry
) -> tuple[NewSchedule, ResolvedCode]:
    """
    (*new* with what its ATS code says of when, what it runs).

    Raises BadInput when it says not exactly one thing to run.
    """
    ways = [
        name
        for name, value in (
            ("ats_code", new.ats_code.strip() and not new.handler_name),
            ("handler_name", new.handler_name),
            ("command", new.command),
        )
        if value
    ]
    if len(ways) != 1:
        raise BadInput(
            f"{' and '.join(ways) if ways else 'nothing'} says what to run - give exactly one of "
            "ats_code, handler_name and command"
        )
    if new.command:
        shown = " ".join(new.command)[:1_000]
        command = {"command": new.command}
        return new, ResolvedCode(handler_name=SHELL_HANDLER, payload=command, source=shown)
    if new.handler_name:
        return new, ResolvedCode(handler_name=new.handler_name, payload=new.payload, source="")
    if new.payload is not None:
        raise BadInput("payload goes with handler_name - ats_code brings its own")
    resolver = registered.codes.resolver(new.ats_code)
    asked = resolver(new.ats_code, registered, f"pulse:{schedule_id}")
    when = {name: getattr(asked, name) for name in ("every", "cron", "run_at")}
    given = {name: value for name, value in when.items() if value is not None}
    return msgspec.structs.replace(new, **given), asked


def _row(schedule_id: str, new: NewSchedule, timing: Timing, at_us: int) -> dict[str, Any]:
    nominal_at, run_at = first_run(schedule_id, timing, at_us)
    by_hand = not (timing.every_s or timing.cron or timing.at_us)
    if nominal_at is None and not by_hand:
        raise NeverFires(
            f"it would never fire: {timing.describe()} has no instant left - give a "
            "later time, or end_at a later one"
        )
    return {
        "id": schedule_id,
        "name": new.name,
        "ats_code": new.ats_code.strip(),
        "interval_seconds": timing.every_s or 0,
        "cron": timing.cron,
        "run_at": shown(timing.at_us),
        "anchor_at": iso(timing.anchor_us),
        "time_zone": timing.zone,
        "jitter_seconds": timing.jitter_s,
        "start_at": shown(timing.start_us),
        "end_at": shown(timing.end_us),
        "overlap": new.overlap.strip(),
        "missed": new.missed.strip(),
        "priority": new.priority,
        "state": "inactive" if by_hand else "active",
        "next_run_at": run_at,
        "next_nominal_at": nominal_at,
        "metadata": new.metadata,
        "created_from_doc_id": new.created_from_doc or (FORCE_TRIGGER if by_hand else None),
        "created_at": iso(at_us),
        "updated_at": iso(at_us),
    }


def shown(at_us: int | None) -> str | None:
    """A time as it is kept; None stays None."""
    return None if at_us is None else iso(at_us)
