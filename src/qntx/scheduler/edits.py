"""Changes of a schedule: which columns they touch, and when it fires next."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from qntx.clock import iso
from qntx.errors import BadInput
from qntx.model.durations import MAX_SECONDS
from qntx.model.schedule import (
    NewSchedule,
    Schedule,
    ScheduleState,
    check_move,
    first_run,
    kept_timing,
    timing_of,
)

_TIMING = frozenset(
    {
        "interval_seconds",
        "every",
        "cron",
        "run_at",
        "time_zone",
        "jitter_seconds",
        "start_at",
        "end_at",
    }
)
_PLAIN = ("name", "payload", "handler_name", "metadata", "priority", "overlap", "missed")
_STATES = ("active", "paused", "stopping", "inactive")


class EditSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    #: ``active`` (resume), ``paused``, ``stopping`` (inactive once its job is over), ``inactive``.
    state: Annotated[str, msgspec.Meta(max_length=40)] | UnsetType = UNSET
    interval_seconds: Annotated[int, msgspec.Meta(le=MAX_SECONDS)] | UnsetType = UNSET
    every: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType = UNSET
    cron: Annotated[str, msgspec.Meta(max_length=200)] | UnsetType = UNSET
    run_at: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType = UNSET
    time_zone: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType = UNSET
    jitter_seconds: Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400)] | UnsetType = UNSET
    start_at: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType | None = UNSET
    end_at: Annotated[str, msgspec.Meta(max_length=100)] | UnsetType | None = UNSET
    overlap: Annotated[str, msgspec.Meta(max_length=40)] | UnsetType = UNSET
    missed: Annotated[str, msgspec.Meta(max_length=40)] | UnsetType = UNSET
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] | UnsetType = UNSET
    name: Annotated[str, msgspec.Meta(max_length=200)] | UnsetType | None = UNSET
    handler_name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    payload: Any = UNSET
    metadata: Any = UNSET


def edited(before: Schedule, change: EditSchedule, now_us: int, by: str) -> dict[str, Any]:
    """
    The columns that *change* sets, with the next instant where that is another one now.

    Raises BadInput with the value that cannot be used, IllegalTransition.
    """
    given = {
        name: value
        for name in change.__struct_fields__
        if (value := getattr(change, name)) is not UNSET
    }
    if not given:
        raise BadInput("nothing is to be changed - give a state, a timing or a policy")
    fields = {name: given[name] for name in _PLAIN if name in given}
    state = ScheduleState(before.state)
    if "state" in given:
        state = _state(before, given["state"])
        fields |= {"state": str(state), "state_reason": f"{state} by {by}"}
    if given.keys() & (_TIMING | {"overlap", "missed"}):
        fields |= _timing(before, given, now_us)
    if state is not ScheduleState.ACTIVE:
        return fields | {"next_run_at": None, "next_nominal_at": None}
    if given.keys() & (_TIMING | {"state"}):
        fields |= _planned(before, fields, now_us)
    return fields


def _state(before: Schedule, wanted: Any) -> ScheduleState:
    if wanted not in _STATES:
        raise BadInput(
            f"{wanted!r} is not a state that can be set - use one of {', '.join(_STATES)}"
        )
    check_move(before.id, ScheduleState(before.state), ScheduleState(wanted))
    return ScheduleState(wanted)


def _timing(before: Schedule, given: dict[str, Any], now_us: int) -> dict[str, Any]:
    """The columns of the timing, checked as those of a new schedule are."""
    kept = {
        name: getattr(before, name)
        for name in ("time_zone", "jitter_seconds", "start_at", "end_at", "overlap", "missed")
    }
    ways = ("interval_seconds", "every", "cron", "run_at")
    if not any(way in given for way in ways):
        kept |= {name: getattr(before, name) for name in ("interval_seconds", "cron", "run_at")}
    changed = {n: v for n, v in given.items() if n in _TIMING | {"overlap", "missed"}}
    if changed.get("interval_seconds", 1) <= 0:
        raise BadInput(f"interval_seconds {changed['interval_seconds']} is below 1 - give seconds")
    by_hand = not before.interval_seconds and before.cron is None and before.run_at is None
    new = NewSchedule(**(kept | changed), force=by_hand)
    timing = timing_of(new, now_us, before.id)
    anchor = before.anchor_at if "start_at" not in given else iso(timing.anchor_us)
    return {
        "interval_seconds": timing.every_s or 0,
        "cron": timing.cron,
        "run_at": None if timing.at_us is None else iso(timing.at_us),
        "anchor_at": anchor,
        "time_zone": timing.zone,
        "jitter_seconds": timing.jitter_s,
        "start_at": None if timing.start_us is None else iso(timing.start_us),
        "end_at": None if timing.end_us is None else iso(timing.end_us),
        "overlap": new.overlap.strip(),
        "missed": new.missed.strip(),
    }


def _planned(before: Schedule, fields: dict[str, Any], now_us: int) -> dict[str, Any]:
    after = msgspec.structs.replace(
        before, **{n: v for n, v in fields.items() if n in before.__struct_fields__}
    )
    # The instant that is now belongs to the timing before the change.
    nominal_at, run_at = first_run(before.id, kept_timing(after), now_us + 1)
    if nominal_at is None:
        raise BadInput(
            f"schedule {before.id} would never fire again: {kept_timing(after).describe()} has no "
            "instant left - give a later time, or make it inactive"
        )
    return {"next_nominal_at": nominal_at, "next_run_at": run_at}
