"""Schedules that code declares: created, changed and withdrawn with the code."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qntx.clock import now_us
from qntx.errors import BadInput, Conflict, NeverFires, NotFound
from qntx.model.schedule import (
    DeclaredSchedule,
    NewSchedule,
    Schedule,
    ScheduleState,
    timing_of,
)
from qntx.scheduler.edits import EditSchedule
from qntx.scheduler.service import ScheduleService, resolve, shown

BY = "the code"
_WAYS = frozenset({"interval_seconds", "cron", "run_at"})


@dataclass
class Applied:
    """What an application of the declarations did: keys."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    #: Of times that had passed when the schedule was first seen: not kept, they never fire.
    over: list[str] = field(default_factory=list)


def apply(service: ScheduleService, declared: Iterable[DeclaredSchedule]) -> Applied:
    """
    Bring the kept schedules in line with *declared*; doing it again changes nothing.

    A schedule that a person paused stays paused. Raises BadInput for a key declared twice, or a
    declaration that cannot be used.
    """
    wanted: dict[str, NewSchedule] = {}
    for one in declared:
        if one.key in wanted:
            raise BadInput(f"schedule {one.key!r} is declared twice - give each a key of its own")
        wanted[one.key] = one.schedule
    kept = service.kept.declared()
    done = Applied()
    for key, new in wanted.items():
        before = kept.get(key)
        if before is None:
            with suppress(Conflict):  # another server, started at the same time, was faster
                _create(service, key, new, done)
        elif changes := _changes(service, before, new):
            _change(service, before, new, changes)
            done.changed.append(key)
    for key in kept.keys() - wanted.keys():
        with suppress(NotFound):
            service.delete(kept[key].id, by=BY)
            done.withdrawn.append(key)
    return done


def _create(service: ScheduleService, key: str, new: NewSchedule, done: Applied) -> None:
    try:
        service.create(new, by=BY, declared_as=key)
    except NeverFires:  # code that is older than the database is no reason not to start
        done.over.append(key)
    else:
        done.created.append(key)


def _changes(service: ScheduleService, before: Schedule, new: NewSchedule) -> dict[str, Any]:
    """The fields in which the kept schedule differs from its declaration."""
    new, asked = resolve(new, before.id, service.registered)
    timing = timing_of(new, now_us(), before.id)
    wanted = {
        "interval_seconds": timing.every_s or 0,
        "cron": timing.cron,
        "run_at": shown(timing.at_us),
        "time_zone": timing.zone,
        "jitter_seconds": timing.jitter_s,
        "start_at": shown(timing.start_us),
        "end_at": shown(timing.end_us),
        "overlap": new.overlap,
        "missed": new.missed,
        "priority": new.priority,
        "name": new.name,
        "handler_name": asked.handler_name,
        "payload": _as_kept(asked.payload),
        "metadata": _as_kept(new.metadata),
    }
    changes = {name: value for name, value in wanted.items() if value != getattr(before, name)}
    if changes.keys() & _WAYS:
        ways = {name: wanted[name] for name in _WAYS if wanted[name]}
        changes = {n: v for n, v in changes.items() if n not in _WAYS} | ways
    return changes


def _as_kept(value: Any) -> Any:
    """*value* as it comes back from the store: tuples are lists then, keys are text."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _change(
    service: ScheduleService, before: Schedule, new: NewSchedule, changes: dict[str, Any]
) -> None:
    if before.state in (ScheduleState.ACTIVE, ScheduleState.PAUSED):
        service.edit(before.id, EditSchedule(**changes), by=BY)
        return
    # One that is over begins anew as another.
    service.delete(before.id, by=BY)
    service.create(new, by=BY, declared_as=before.declared_as)
