"""Schedules and executions: what they are, their states, and the moves between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from qntx.clock import from_iso, iso
from qntx.errors import BadInput, IllegalTransition
from qntx.model.cron import parse_cron
from qntx.model.cron_hash import split_zone
from qntx.model.durations import MAX_SECONDS, parse_duration
from qntx.model.enums import one_of
from qntx.model.firing_policy import parse_missed, parse_overlap
from qntx.model.job import JobStatus
from qntx.model.timing import Timing, parse_time
from qntx.model.views import Counts
from qntx.model.zones import zone_of


class ScheduleState(StrEnum):
    """Where a schedule is in its life."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"
    INACTIVE = "inactive"
    DELETED = "deleted"


class ExecutionStatus(StrEnum):
    """How an execution is doing: its job's status, or why there is no job."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    MISSED = "missed"


_S = ScheduleState
#: From each state, those a schedule may move to; deleting is possible from each.
MOVES: dict[ScheduleState, frozenset[ScheduleState]] = {
    _S.ACTIVE: frozenset({_S.PAUSED, _S.STOPPING, _S.INACTIVE, _S.DELETED}),
    _S.PAUSED: frozenset({_S.ACTIVE, _S.INACTIVE, _S.DELETED}),
    _S.STOPPING: frozenset({_S.INACTIVE, _S.DELETED}),
    _S.INACTIVE: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}


def check_move(schedule_id: str, before: ScheduleState, after: ScheduleState) -> None:
    """Raise IllegalTransition unless a schedule may go from *before* to *after*."""
    if after not in MOVES[before]:
        allowed = ", ".join(sorted(MOVES[before])) or "nothing"
        raise IllegalTransition(
            f"schedule {schedule_id} is {before}, it cannot become {after} - from {before} it can "
            f"become {allowed}; a new schedule can always be created"
        )


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as it is kept and shown."""

    id: str
    name: str | None
    ats_code: str
    handler_name: str | None
    payload: Any
    source_url: str | None
    #: ``every 6h``, ``cron 0 9 * * 1-5 (Europe/Berlin)``, ``once at …``.
    timing: str
    interval_seconds: int
    cron: str | None
    run_at: str | None
    anchor_at: str | None
    time_zone: str
    jitter_seconds: int
    start_at: str | None
    end_at: str | None
    overlap: str
    missed: str
    priority: int
    state: Annotated[str, one_of(map(str, ScheduleState))]
    state_reason: str | None
    #: When it fires next, its jitter included; *next_nominal_at*: the instant this stands for.
    next_run_at: str | None
    next_nominal_at: str | None
    last_run_at: str | None
    last_execution_id: str | None
    created_from_doc: str | None
    declared_as: str | None
    metadata: Any
    created_at: str
    updated_at: str


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One firing of a schedule; times and duration are those of its job where there is one."""

    id: str
    scheduled_job_id: str
    async_job_id: str | None
    status: Annotated[str, one_of(map(str, ExecutionStatus))]
    cause: Annotated[str, one_of(("schedule", "catch_up", "force", "rerun"))]
    nominal_at: str | None
    started_at: str
    completed_at: str | None
    duration_ms: int | None
    #: Why it was decided so: an overlap, a server that was down, a handler that is missing.
    reason: str | None
    #: Whether its job waits until another one of the schedule is over.
    waiting: bool
    result_summary: str | None
    error_message: str | None
    job_status: Annotated[str | None, one_of([*map(str, JobStatus), None])]
    counts: Counts
    created_at: str
    updated_at: str


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a schedule is made of: what to enqueue (one of three ways), and when (one of four)."""

    #: A line that an application understands by its first word; it may say when, too.
    ats_code: Annotated[str, msgspec.Meta(max_length=8_000)] = ""
    handler_name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    payload: Any = None
    #: A command and its arguments, to be run as a job (handler ``shell.command``).
    command: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    #: Seconds between firings; 0: not given.
    interval_seconds: Annotated[int, msgspec.Meta(le=MAX_SECONDS)] = 0
    every: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    cron: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    #: Once, at this time (RFC 3339).
    run_at: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    time_zone: Annotated[str, msgspec.Meta(max_length=100)] = "UTC"
    jitter_seconds: Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400)] = 0
    start_at: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    end_at: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    #: ``skip``, ``queue``, ``parallel(n)`` or ``replace``.
    overlap: Annotated[str, msgspec.Meta(max_length=40)] = "skip"
    #: ``skip``, ``one`` or ``all(limit)``.
    missed: Annotated[str, msgspec.Meta(max_length=40)] = "one"
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    created_from_doc: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    metadata: Any = None
    #: Fire once now, whether or not there is anything else that says when.
    force: bool = False


class DeclaredSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that code declares; *key* tells it from the others."""

    key: str
    schedule: NewSchedule


def timing_of(new: NewSchedule, now_us: int, schedule_id: str = "") -> Timing:
    """
    When *new*, created at *now_us*, fires. Raises BadInput with the value that cannot be used.

    An interval counts from its start, or from now. A zone that the cron expression names
    (``CRON_TZ=``) goes before that of *new*.
    """
    every_s = _interval(new)
    given = [
        name
        for name, value in (("an interval", every_s), ("cron", new.cron), ("run_at", new.run_at))
        if value
    ]
    if len(given) != 1 and not (new.force and not given):
        said = f"{' and '.join(given)} say" if given else "nothing says"
        raise BadInput(
            f"{said} when the schedule fires - give exactly one of interval_seconds, every, cron "
            "and run_at"
        )
    cron, zone = (None, None) if new.cron is None else split_zone(new.cron)
    zone = zone or new.time_zone
    zone_of(zone)
    parse_overlap(new.overlap)
    parse_missed(new.missed)
    start_us = None if new.start_at is None else parse_time(new.start_at, "start_at")
    end_us = None if new.end_at is None else parse_time(new.end_at, "end_at")
    if start_us is not None and end_us is not None and end_us < start_us:
        raise BadInput(f"end_at {new.end_at} lies before start_at {new.start_at} - swap them")
    return Timing(
        every_s=every_s,
        anchor_us=now_us if start_us is None else start_us,
        cron=None if cron is None else parse_cron(cron, schedule_id).text,
        at_us=None if new.run_at is None else parse_time(new.run_at, "run_at"),
        zone=zone,
        start_us=start_us,
        end_us=end_us,
        jitter_s=new.jitter_seconds,
        seed=schedule_id,
    )


def _interval(new: NewSchedule) -> int | None:
    if new.interval_seconds < 0:
        raise BadInput(f"interval_seconds {new.interval_seconds} is below 1 - give seconds")
    if new.every is not None and new.interval_seconds:
        raise BadInput("every and interval_seconds both say when - give one of them")
    if new.every is not None:
        return parse_duration(new.every.removeprefix("every "))
    return new.interval_seconds or None


def kept_timing(schedule: Schedule) -> Timing:
    """When a kept schedule fires; raises BadInput when its row holds no times."""
    try:
        return Timing(
            every_s=schedule.interval_seconds or None,
            anchor_us=_us(schedule.anchor_at) or 0,
            cron=schedule.cron,
            at_us=_us(schedule.run_at),
            zone=schedule.time_zone,
            start_us=_us(schedule.start_at),
            end_us=_us(schedule.end_at),
            jitter_s=schedule.jitter_seconds,
            seed=schedule.id,
        )
    except (ValueError, TypeError) as error:
        raise BadInput(f"schedule {schedule.id} is damaged: {error} - edit or delete it") from None


def first_run(schedule_id: str, timing: Timing, now_us: int) -> tuple[str | None, str | None]:
    """(next_nominal_at, next_run_at) of a schedule that begins (again) at *now_us*."""
    nominal = timing.next_after(now_us - 1)
    if nominal is None:
        return None, None
    return iso(nominal), iso(timing.due(schedule_id, nominal))


def _us(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
