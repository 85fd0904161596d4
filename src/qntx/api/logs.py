"""Log lines: pages, whole messages, downloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from litestar import Request, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from qntx.api.context import Server, checked_job_id
from qntx.api.filters import MAX_NAME, MAX_NUMBER, Wanted
from qntx.api.jobs import Cursor, JobId
from qntx.api.path_segments import named
from qntx.api.problems import documented
from qntx.api.security.headers import SANDBOX
from qntx.errors import BadInput, NotFound
from qntx.model.groups import LineGroups
from qntx.model.views import Histogram, LogPage, TaskLogPage
from qntx.storage.interfaces.logs import MAX_LINES_PER_PAGE

MAX_BUCKETS = 300
MAX_SEQ = (1 << 32) - 1
PLAIN = "text/plain"
NDJSON = "application/x-ndjson"
#: The most that is handed to the socket at once.
SENT_BYTES = 256 << 10

LineLimit = Annotated[
    int, QueryParameter(description="How many lines at most.", ge=1, le=MAX_LINES_PER_PAGE)
]
Position = Annotated[
    str | None,
    QueryParameter(
        description="A cursor of another page, or a line's number (of the attempt asked for).",
        max_length=200,
    ),
]
Number = Annotated[int, PathParameter(ge=0, le=1 << 62)]


def _file(media_type: str, description: str) -> ResponseSpec:
    return ResponseSpec(
        bytes, media_type=media_type, generate_examples=False, description=description
    )


@get(
    ["/jobs/{job_id:str}/logs", "/api/pulse/jobs/{job_id:str}/logs"],
    sync_to_thread=True,
    tags=["logs"],
    summary="Lines of a job",
    responses=documented(404),
)
def get_logs(
    server: Server,
    job_id: JobId,
    wanted: Wanted,
    after: Position = None,
    before: Position = None,
    around: Annotated[
        int | None,
        QueryParameter(
            description="The number of a line (of the attempt asked for): the page lies around it.",
            ge=0,
            le=MAX_SEQ,
        ),
    ] = None,
    limit: LineLimit = 1_000,
) -> LogPage:
    """
    Lines in order, from the start, after a line, before one, or around one.

    Each answer says how many lines fit the filter (total_count), and by the receipt whether the
    store holds everything that the job said. A message above 4,096 characters is cut here
    (truncated); its own address gives the whole.
    """
    if around is not None and (after is not None or before is not None):
        raise BadInput("around goes with neither after nor before - leave those out")
    with server.reading() as store:
        return store.logs.page(
            checked_job_id(job_id), wanted, limit=limit, after=after, before=before, around=around
        )


@get(
    "/api/pulse/jobs/{job_id:str}/histogram",
    sync_to_thread=True,
    tags=["logs"],
    summary="Lines of a job over time",
    responses=documented(404),
)
def get_histogram(
    server: Server,
    job_id: JobId,
    wanted: Wanted,
    buckets: Annotated[
        int, QueryParameter(description="How many buckets at most.", ge=1, le=MAX_BUCKETS)
    ] = 100,
) -> Histogram:
    """
    How many lines that fit were said when, by level, in buckets of a round length (step_us).

    Buckets without a line are left out. Each begins at a whole multiple of its length since 1970.
    """
    with server.reading() as store:
        return store.logs.histogram(checked_job_id(job_id), wanted, buckets)


@get(
    "/api/pulse/jobs/{job_id:str}/groups",
    sync_to_thread=True,
    tags=["logs"],
    summary="Alike lines of a job together",
    responses=documented(404),
)
def get_groups(server: Server, job_id: JobId, wanted: Wanted) -> LineGroups:
    """
    Lines that differ in numbers, ids and hashes only, together: the gravest first, then the most.

    Warnings and above, unless a level is asked for. Of the lines that fit, the first 20,000 are
    grouped (looked_at), and 200 groups are given.
    """
    with server.reading() as store:
        return store.logs.groups(checked_job_id(job_id), wanted)


@get(
    "/api/pulse/tasks/{task_id:str}/logs",
    sync_to_thread=True,
    tags=["logs"],
    summary="Lines of a task",
    responses=documented(),
)
def get_task_logs(
    server: Server,
    request: Request[Any, Any, Any],
    task_id: Annotated[
        str,
        PathParameter(
            description="The task, or a stage for its lines that belong to no task; a slash in it "
            "as %2F.",
            max_length=MAX_NAME,
        ),
    ],
    job_id: Annotated[
        str | None, QueryParameter(description="Only of this job, then in order.", max_length=200)
    ] = None,
    cursor: Cursor = None,
    limit: LineLimit = 1_000,
) -> TaskLogPage:
    """Lines of a task over all jobs, the newest first; each says which job it belongs to."""
    with server.reading() as store:
        return store.logs.task(named(request, task_id), job_id, limit, cursor)


@get(
    "/api/pulse/jobs/{job_id:str}/logs/{attempt:int}/{seq:int}/message",
    sync_to_thread=True,
    tags=["logs"],
    summary="A whole message",
    media_type=PLAIN,
    responses={200: _file(PLAIN, "The message, byte by byte."), **documented(404)},
)
def get_message(server: Server, job_id: JobId, attempt: Number, seq: Number) -> Stream:
    """The whole message of one line, as it was said."""
    if attempt > MAX_NUMBER or seq > 1 << 32:
        raise NotFound(f"job {job_id[:80]!r} has no line {attempt}:{seq} - see its logs")
    chunks = server.app.store.exports.message(checked_job_id(job_id), attempt, seq)
    first = next(chunks, b"")
    return Stream(
        _streamed(first, chunks), media_type=PLAIN, headers={"Content-Security-Policy": SANDBOX}
    )


@get(
    "/api/pulse/jobs/{job_id:str}/logs.txt",
    sync_to_thread=True,
    tags=["logs"],
    summary="Download as text",
    media_type=PLAIN,
    responses={200: _file(PLAIN, "The messages, byte by byte."), **documented(404)},
)
def download_text(server: Server, job_id: JobId, wanted: Wanted) -> Stream:
    """
    Every message that fits, byte by byte as it was said, each on a line of its own.

    Output that came without a newline stays without one.
    """
    chunks = server.app.store.exports.text(checked_job_id(job_id), wanted)
    return _download(chunks, PLAIN, f"{job_id}.txt")


@get(
    "/api/pulse/jobs/{job_id:str}/logs.ndjson",
    sync_to_thread=True,
    tags=["logs"],
    summary="Download as NDJSON",
    media_type=NDJSON,
    responses={200: _file(NDJSON, "One line of the log as JSON a line."), **documented(404)},
)
def download_ndjson(server: Server, job_id: JobId, wanted: Wanted) -> Stream:
    """
    Every line that fits as one JSON object a line, with its whole message.

    A message that is not valid UTF-8 is there as message_base64, too.
    """
    chunks = server.app.store.exports.ndjson(checked_job_id(job_id), wanted)
    return _download(chunks, NDJSON, f"{job_id}.ndjson")


def _download(chunks: Iterator[bytes], media_type: str, filename: str) -> Stream:
    # The first chunk is read here: what is wrong is found while it can still be answered.
    first = next(chunks, b"")
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Stream(
        _streamed(first, chunks),
        media_type=media_type,
        headers=headers | {"Content-Security-Policy": SANDBOX},
    )


async def _streamed(first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, each read in a thread while the socket takes the one before."""
    chunk: bytes | None = first
    while chunk is not None:
        following = asyncio.create_task(asyncio.to_thread(next, chunks, None))
        try:
            for start in range(0, len(chunk), SENT_BYTES):
                yield chunk[start : start + SENT_BYTES]
        finally:
            # Also when nobody takes any more: what reads is not left running.
            chunk = await following


ROUTES = [
    get_logs,
    get_histogram,
    get_groups,
    get_task_logs,
    get_message,
    download_text,
    download_ndjson,
]
