"""Executions: what became of each firing of a schedule, its log, and running it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from qntx.api.context import Server, ServerContext
from qntx.api.filters import Wanted
from qntx.api.jobs import Cursor
from qntx.api.logs import LineLimit, Position
from qntx.api.problems import documented
from qntx.api.schedules import ScheduleId, checked, lines_of, service_of
from qntx.api.security.headers import SANDBOX
from qntx.model.schedule import Execution
from qntx.model.views import LogPage
from qntx.scheduler.history import csv_rows, exported, json_rows

MAX_EXECUTIONS = 1_000
MAX_OFFSET = 10_000_000
ROWS_AT_ONCE = 200

ExecutionId = Annotated[str, PathParameter(description="The execution's id.", max_length=200)]
Limit = Annotated[int, QueryParameter(description="How many at most.", ge=1, le=MAX_EXECUTIONS)]
Offset = Annotated[int, QueryParameter(description="How many to pass over.", ge=0, le=MAX_OFFSET)]
Status = Annotated[
    str | None,
    QueryParameter(
        description="Only these statuses: a comma list of running, completed, failed, "
        "cancelled, skipped, missed.",
        max_length=200,
    ),
]


class ExecutionPage(msgspec.Struct, frozen=True):
    """Some executions, newest first; *total*: how many there are that fit."""

    executions: list[Execution]
    count: int
    total: int
    has_more: bool
    next_cursor: str | None


@get(
    "/api/pulse/executions",
    sync_to_thread=True,
    operation_id="list_executions",
    tags=["executions"],
    summary="Executions of all schedules, newest first",
    responses=documented(),
)
def list_executions(
    server: Server,
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
    status: Status = None,
) -> ExecutionPage:
    """What became of each firing, of whatever schedule, a page at a time."""
    return _page(server, None, limit, offset, cursor, status)


@get(
    [
        "/api/pulse/schedules/{schedule_id:str}/executions",
        "/api/pulse/jobs/{schedule_id:str}/executions",
    ],
    sync_to_thread=True,
    tags=["executions"],
    summary="Executions of a schedule, newest first",
    responses=documented(404),
)
def list_schedule_executions(
    server: Server,
    schedule_id: ScheduleId,
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
    status: Status = None,
) -> ExecutionPage:
    """
    What became of each firing, a page at a time: by offset, or (steadily) by cursor.

    Instants that were skipped or missed are there, too, each with its reason.
    """
    return _page(server, _schedule(server, schedule_id), limit, offset, cursor, status)


@get(
    "/api/pulse/schedules/{schedule_id:str}/executions.csv",
    sync_to_thread=True,
    operation_id="download_csv",
    tags=["executions"],
    summary="Download as CSV",
    responses=documented(404),
)
def download_csv(server: Server, schedule_id: ScheduleId, status: Status = None) -> Stream:
    """Every execution as a row; what a spreadsheet would take for a formula is quoted."""
    return _download(server, schedule_id, status, csv_rows, "text/csv", "csv")


@get(
    "/api/pulse/schedules/{schedule_id:str}/executions.json",
    sync_to_thread=True,
    operation_id="download_json",
    tags=["executions"],
    summary="Download as JSON",
    responses=documented(404),
)
def download_json(server: Server, schedule_id: ScheduleId, status: Status = None) -> Stream:
    """Every execution, as one array."""
    return _download(server, schedule_id, status, json_rows, "application/json", "json")


@get(
    "/api/pulse/executions/{execution_id:str}",
    sync_to_thread=True,
    operation_id="get_execution",
    tags=["executions"],
    summary="An execution",
    responses=documented(404),
)
def get_execution(server: Server, execution_id: ExecutionId) -> Execution:
    """One execution, with the counts of warnings and errors of its job."""
    with server.reading() as store:
        return store.executions.get(_id(execution_id))


@get(
    ["/executions/{execution_id:str}/logs", "/api/pulse/executions/{execution_id:str}/logs"],
    sync_to_thread=True,
    tags=["executions"],
    summary="Lines of an execution",
    responses=documented(404),
)
def get_execution_logs(
    server: Server,
    execution_id: ExecutionId,
    wanted: Wanted,
    after: Position = None,
    before: Position = None,
    limit: LineLimit = 1_000,
) -> LogPage:
    """
    The lines of its job, in the shape of a job's logs.

    Where there is no job (skipped, missed, not enqueued), the scheduler's lines about it.
    """
    with server.reading() as store:
        execution = store.executions.get(_id(execution_id))
        log = execution.async_job_id
        if log is None:
            log = execution.scheduled_job_id
            wanted = msgspec.structs.replace(wanted, naming=execution.id)
        return lines_of(store, log, wanted, limit, after, before)


@post(
    "/api/pulse/executions/{execution_id:str}/rerun",
    sync_to_thread=True,
    operation_id="rerun_execution",
    status_code=201,
    tags=["executions"],
    summary="Run it again",
    responses=documented(404, 409),
)
def rerun_execution(server: Server, execution_id: ExecutionId) -> Execution:
    """Run again what it ran, with the same payload, as a new execution. Needs the token."""
    return service_of(server).rerun(_id(execution_id))


def _id(text: str) -> str:
    return checked(text, "execution", "GET /api/pulse/executions")


def _schedule(server: ServerContext, schedule_id: str) -> str:
    """The id of a schedule that there is; raises NotFound."""
    known = checked(schedule_id, "schedule", "GET /api/pulse/schedules")
    with server.reading() as store:
        return store.schedules.get(known).id


def _statuses(status: str | None) -> list[str]:
    return [name.strip() for name in (status or "").split(",") if name.strip()]


def _page(
    server: ServerContext,
    schedule_id: str | None,
    limit: int,
    offset: int,
    cursor: str | None,
    status: str | None,
) -> ExecutionPage:
    statuses = _statuses(status)
    with server.reading() as store:
        executions = store.executions
        found, more = executions.page(
            schedule_id, limit=limit, offset=offset, cursor=cursor, statuses=statuses
        )
        total = executions.total(schedule_id, statuses)
    return ExecutionPage(found, len(found), total, more is not None, more)


def _download(
    server: ServerContext,
    schedule_id: str,
    status: str | None,
    rows: Callable[[Iterable[Execution]], Iterator[bytes]],
    media_type: str,
    suffix: str,
) -> Stream:
    known = _schedule(server, schedule_id)
    statuses = _statuses(status)
    chunks = exported(server.app.store, known, statuses, rows)
    # The first is read here: what is wrong is found while it can still be answered.
    first = next(chunks, b"")
    name = f'attachment; filename="{known}-executions.{suffix}"'
    return Stream(
        _streamed(first, chunks),
        media_type=media_type,
        headers={"Content-Disposition": name, "Content-Security-Policy": SANDBOX},
    )


async def _streamed(first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, some at a time, read in a thread once the socket has taken those before."""
    some: bytes = first
    while some:
        yield some
        some = await asyncio.to_thread(lambda: b"".join(islice(chunks, ROWS_AT_ONCE)))


ROUTES = [
    list_executions,
    list_schedule_executions,
    download_csv,
    download_json,
    get_execution,
    get_execution_logs,
    rerun_execution,
]
