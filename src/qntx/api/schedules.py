"""Schedules: list, create, edit, pause, resume, trigger, delete, and what they said."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from qntx.api.context import Server, ServerContext
from qntx.api.filters import Wanted
from qntx.api.jobs import Cursor
from qntx.api.logs import LineLimit, Position
from qntx.api.problems import documented
from qntx.errors import NotFound
from qntx.model.ids import is_id
from qntx.model.receipt import Receipt
from qntx.model.schedule import Execution, NewSchedule, Schedule
from qntx.model.views import Counts, LogFilter, LogPage
from qntx.scheduler.edits import EditSchedule
from qntx.scheduler.history import Statistics, statistics
from qntx.scheduler.service import ScheduleService
from qntx.storage.interfaces import Store

BY = "the API"
MAX_SCHEDULES = 1_000

ScheduleId = Annotated[str, PathParameter(description="The schedule's id (SP_…).", max_length=200)]


class ScheduleList(msgspec.Struct, frozen=True):
    """Schedules, newest first; *jobs* is the name that they have had from the start."""

    jobs: list[Schedule]
    count: int
    next_cursor: str | None


class Forced(msgspec.Struct, frozen=True):
    """What was started at once, without a time at which it would fire again."""

    id: str
    async_job_id: str | None
    execution_id: str
    handler_name: str | None
    source_url: str | None
    force: bool = True


def service_of(server: ServerContext) -> ScheduleService:
    """What changes schedules, for the server's application."""
    app = server.app
    return ScheduleService(app.settings, app.store, app.request, app.registry)


def checked(text: str, noun: str, where: str) -> str:
    """*text* if it could be the id of a *noun*; raises NotFound that says *where* those are."""
    if not is_id(text):
        raise NotFound(f"unknown {noun} {text[:80]!r} - {where} lists those that exist")
    return text


def lines_of(
    store: Store, log: str, wanted: LogFilter, limit: int, after: str | None, before: str | None
) -> LogPage:
    """A page of the log of a job or schedule; an empty one where nothing was said yet."""
    try:
        return store.logs.page(log, wanted, limit=limit, after=after, before=before)
    except NotFound:
        receipt = Receipt.of(0, 0, 0, 0)
        return LogPage(
            job_id=log,
            total_count=0,
            logs=[],
            receipt=receipt,
            counts=Counts(),
            next_cursor=None,
            prev_cursor=None,
        )


def _read(server: ServerContext, schedule_id: str) -> Schedule:
    with server.reading() as store:
        return store.schedules.get(schedule_id)


def schedule_id_of(text: str) -> str:
    """*text* if it could be the id of a schedule; raises NotFound."""
    return checked(text, "schedule", "GET /api/pulse/schedules")


@get(
    "/api/pulse/schedules",
    sync_to_thread=True,
    operation_id="list_schedules",
    tags=["schedules"],
    summary="Schedules, newest first",
    responses=documented(),
)
def list_schedules(
    server: Server,
    limit: Annotated[
        int, QueryParameter(description="How many at most.", ge=1, le=MAX_SCHEDULES)
    ] = MAX_SCHEDULES,
    cursor: Cursor = None,
    in_state: Annotated[
        str | None,
        QueryParameter(
            name="state",
            description="Only these states: a comma list of active, "
            "paused, stopping, inactive, deleted; default: all but deleted.",
            max_length=200,
        ),
    ] = None,
) -> ScheduleList:
    """Schedules with when they fire next, a page at a time."""
    states = [name.strip() for name in (in_state or "").split(",") if name.strip()]
    with server.reading() as store:
        found, more = store.schedules.page(limit=limit, cursor=cursor, states=states)
    return ScheduleList(found, len(found), more)


@post(
    "/api/pulse/schedules",
    sync_to_thread=True,
    operation_id="create_schedule",
    tags=["schedules"],
    summary="Create a schedule",
    responses=documented(),
)
def create_schedule(server: Server, data: JSONBody[NewSchedule]) -> Response[Schedule | Forced]:
    """
    Create a schedule from ATS code, a handler with its payload, or a command.

    Exactly one of interval_seconds, every, cron and run_at says when; with force it fires at
    once, and needs none of them. Needs the token.
    """
    made, fired = service_of(server).create(data, by=BY)
    headers = {"Location": f"/api/pulse/schedules/{made.id}"}
    body: Schedule | Forced = made
    if fired is not None and made.next_run_at is None:
        body = Forced(made.id, fired.async_job_id, fired.id, made.handler_name, made.source_url)
    return Response(body, headers=headers, status_code=201)


# Three methods share this path. The framework wraps a handler once for each of them, and a
# synchronous one that is wrapped twice is never awaited: these go to a thread by themselves.
@get(
    "/api/pulse/schedules/{schedule_id:str}",
    operation_id="get_schedule",
    tags=["schedules"],
    summary="A schedule",
    responses=documented(404),
)
async def get_schedule(server: Server, schedule_id: ScheduleId) -> Schedule:
    """One schedule, also a deleted one."""
    return await asyncio.to_thread(_read, server, schedule_id_of(schedule_id))


@patch(
    "/api/pulse/schedules/{schedule_id:str}",
    operation_id="edit_schedule",
    tags=["schedules"],
    summary="Change a schedule",
    responses=documented(404, 409),
)
async def edit_schedule(
    server: Server, schedule_id: ScheduleId, data: JSONBody[EditSchedule]
) -> Schedule:
    """
    Change what is given and leave the rest; it is planned anew at once, all or nothing.

    States move active → paused, stopping, inactive; paused → active, inactive; stopping →
    inactive; another move is answered with 409. Needs the token.
    """
    edit = service_of(server).edit
    return await asyncio.to_thread(edit, schedule_id_of(schedule_id), data, by=BY)


@delete(
    "/api/pulse/schedules/{schedule_id:str}",
    operation_id="delete_schedule",
    tags=["schedules"],
    summary="Delete a schedule",
    responses=documented(404),
)
async def delete_schedule(server: Server, schedule_id: ScheduleId) -> None:
    """It fires no more; its jobs, executions and logs stay. Needs the token."""
    await asyncio.to_thread(service_of(server).delete, schedule_id_of(schedule_id), by=BY)


@post(
    "/api/pulse/schedules/{schedule_id:str}/pause",
    sync_to_thread=True,
    operation_id="pause_schedule",
    status_code=200,
    tags=["schedules"],
    summary="Pause a schedule",
    responses=documented(404, 409),
)
def pause_schedule(server: Server, schedule_id: ScheduleId) -> Schedule:
    """It fires no more until it is resumed; running jobs go on. Needs the token."""
    return service_of(server).pause(schedule_id_of(schedule_id), by=BY)


@post(
    "/api/pulse/schedules/{schedule_id:str}/resume",
    sync_to_thread=True,
    operation_id="resume_schedule",
    status_code=200,
    tags=["schedules"],
    summary="Resume a schedule",
    responses=documented(404, 409),
)
def resume_schedule(server: Server, schedule_id: ScheduleId) -> Schedule:
    """It fires again from now on; instants of the pause were not missed. Needs the token."""
    return service_of(server).resume(schedule_id_of(schedule_id), by=BY)


@post(
    "/api/pulse/schedules/{schedule_id:str}/trigger",
    sync_to_thread=True,
    operation_id="trigger_schedule",
    status_code=201,
    tags=["schedules"],
    summary="Fire a schedule now",
    responses=documented(404),
)
def trigger_schedule(server: Server, schedule_id: ScheduleId) -> Execution:
    """Fire it now, whatever its timing, state and overlap policy say. Needs the token."""
    return service_of(server).trigger(schedule_id_of(schedule_id))


@get(
    "/api/pulse/schedules/{schedule_id:str}/statistics",
    sync_to_thread=True,
    operation_id="get_statistics",
    tags=["schedules"],
    summary="How its executions went",
    responses=documented(404),
)
def get_statistics(server: Server, schedule_id: ScheduleId) -> Statistics:
    """Success rate, durations (p50, p95) and trend of the newest 500 executions."""
    with server.reading() as store:
        schedule = store.schedules.get(schedule_id_of(schedule_id))
        return statistics(store.executions, schedule.id)


@get(
    "/api/pulse/schedules/{schedule_id:str}/logs",
    sync_to_thread=True,
    operation_id="get_schedule_logs",
    tags=["schedules"],
    summary="What the scheduler decided",
    responses=documented(404),
)
def get_schedule_logs(
    server: Server,
    schedule_id: ScheduleId,
    wanted: Wanted,
    after: Position = None,
    before: Position = None,
    limit: LineLimit = 1_000,
) -> LogPage:
    """Every decision about the schedule: fired, skipped, missed, edited, and why."""
    with server.reading() as store:
        schedule = store.schedules.get(schedule_id_of(schedule_id))
        return lines_of(store, schedule.id, wanted, limit, after, before)


ROUTES = [
    list_schedules,
    create_schedule,
    get_schedule,
    edit_schedule,
    delete_schedule,
    pause_schedule,
    resume_schedule,
    trigger_schedule,
    get_statistics,
    get_schedule_logs,
]
