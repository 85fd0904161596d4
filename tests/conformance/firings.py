"""Schedules and firings as the tests make them, at whole minutes of one day."""

from __future__ import annotations

from typing import Any

from qntx.clock import iso
from qntx.model.ids import new_id
from qntx.model.schedule import Execution
from qntx.model.views import Counts
from qntx.storage.interfaces import Store

from .queueing import request

DAY_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000


def minute(number: float) -> str:
    """A minute of the day as it is stored."""
    return iso(at(number))


def at(number: float) -> int:
    """A minute of the day, UTC microseconds."""
    return DAY_US + int(number * MINUTE_US)


def schedule(store: Store, due: float | None = 0, **fields: Any) -> str:
    """A schedule that fires every minute, next at the minute *due*; returns its id."""
    schedule_id = new_id("SP")
    next_at = None if due is None else minute(due)
    row = {
        "id": schedule_id,
        "name": None,
        "ats_code": "",
        "handler_name": "a",
        "payload": {"n": 1},
        "source_url": None,
        "interval_seconds": 60,
        "anchor_at": minute(0),
        "state": "active",
        "next_run_at": next_at,
        "next_nominal_at": next_at,
        "metadata": None,
        "created_at": minute(0),
        "updated_at": minute(0),
        **fields,
    }
    with store.transaction():
        store.schedules.insert(row)
    return schedule_id


def execution(schedule_id: str, nominal: float | None, **fields: Any) -> Execution:
    """One that is not stored yet, of the minute *nominal*, when it was made, too."""
    made = minute(nominal or 0)
    return Execution(
        **{
            "id": new_id("PX"),
            "scheduled_job_id": schedule_id,
            "async_job_id": None,
            "status": "running",
            "cause": "schedule",
            "nominal_at": None if nominal is None else made,
            "started_at": made,
            "completed_at": None,
            "duration_ms": None,
            "reason": None,
            "waiting": False,
            "result_summary": None,
            "error_message": None,
            "job_status": None,
            "counts": Counts(),
            "created_at": made,
            "updated_at": made,
            **fields,
        }
    )


def fire(store: Store, schedule_id: str, nominal: float, *, behind: tuple[str, ...] = ()) -> str:
    """The schedule fires: an execution with its job; returns the id of the job."""
    job_id = new_id("JB")
    made = execution(schedule_id, nominal, async_job_id=job_id, waiting=bool(behind))
    with store.transaction():
        assert store.executions.insert(made)
        store.queue.add(request(execution_id=made.id), job_id, at(nominal))
        if behind:
            store.executions.hold_job(job_id, behind)
    return job_id
