"""Search over the lines of all runs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import QueryParameter
from litestar.types import Receive

from qntx.api.context import Server, ServerContext
from qntx.api.filters import Case, Level, Logger, Regex, Since, Source, Stage, Task, Text, Until
from qntx.api.jobs import Cursor
from qntx.api.problems import documented
from qntx.clock import monotonic_s
from qntx.errors import BadInput
from qntx.model.filtering import parse_filter
from qntx.model.search import FoundLine, FoundPage
from qntx.model.views import LogFilter
from qntx.storage.interfaces.search import MAX_FOUND

#: How long a page looks for more lines, and for the first one.
MORE_LINES_LIMIT_S = 2.0
FIRST_LINE_LIMIT_S = 8.0


@get(
    "/api/pulse/search",
    tags=["logs"],
    summary="Lines of all runs that hold a text",
    responses=documented(),
)
async def search_lines(
    server: Server,
    request: Request[Any, Any, Any],
    q: Text = None,
    stage: Stage = None,
    task_id: Task = None,
    level: Level = None,
    source: Source = None,
    logger: Logger = None,
    handler: Annotated[
        str | None, QueryParameter(description="Only jobs of this handler.", max_length=200)
    ] = None,
    since: Since = None,
    until: Until = None,
    case: Case = False,
    regex: Regex = False,
    limit: Annotated[
        int, QueryParameter(description="How many lines at most.", ge=1, le=MAX_FOUND)
    ] = 100,
    cursor: Cursor = None,
) -> FoundPage:
    """
    Lines of all runs, the newest first: runs that began last, and in each the newest line.

    Complete, whatever the index covers yet (indexed). A page may hold fewer lines than asked for
    and yet have a next_cursor: it stops after two seconds (eight, while nothing was found), and
    the next one goes on from there.
    """
    if not q:
        raise BadInput("q: the text to look for is missing (at character 1) - add ?q=text")
    wanted = parse_filter(
        stage=stage,
        task_id=task_id,
        level=level,
        source=source,
        logger=logger,
        since=since,
        until=until,
        q=q,
        case=case,
        regex=regex,
    )
    gone = asyncio.create_task(_gone(request.receive))
    try:
        return await _search(server, wanted, handler, limit, cursor, gone)
    finally:
        gone.cancel()


async def _search(
    server: ServerContext,
    wanted: LogFilter,
    handler: str | None,
    limit: int,
    cursor: str | None,
    gone: asyncio.Task[None],
) -> FoundPage:
    """Look until there are *limit* lines, it took too long, or *gone* is done."""
    began, found = monotonic_s(), list[FoundLine]()
    while True:
        page = await asyncio.to_thread(_look, server, wanted, handler, limit - len(found), cursor)
        found += page.logs
        cursor = page.next_cursor
        patience = MORE_LINES_LIMIT_S if found else FIRST_LINE_LIMIT_S
        over = len(found) >= limit or monotonic_s() - began > patience or gone.done()
        if cursor is None or over:
            return msgspec.structs.replace(page, logs=found)


def _look(
    server: ServerContext, wanted: LogFilter, handler: str | None, limit: int, cursor: str | None
) -> FoundPage:
    with server.reading() as store:
        return store.search.page(wanted, handler=handler, limit=limit, cursor=cursor)


async def _gone(receive: Receive) -> None:
    """Return when whoever asked is no longer there."""
    while (await receive())["type"] != "http.disconnect":
        pass


ROUTES = [search_lines]
