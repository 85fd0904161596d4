"""A job's lines as they are said: history first, then live, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response import Stream

from qntx.api.context import Server, ServerContext, checked_job_id
from qntx.api.database_poller import Listener
from qntx.api.filters import Wanted
from qntx.api.jobs import JobId
from qntx.api.logs import Position
from qntx.api.problems import documented
from qntx.api.sse import EVENT_STREAM, HEARTBEAT_S, frame
from qntx.clock import monotonic_s
from qntx.model.job import FINAL
from qntx.model.views import AttemptView, Job, Line, LogFilter
from qntx.storage.interfaces.logs import Tail

#: Lines per read, at first and at most; as many as about this many bytes hold for one client.
FIRST_LINES, MOST_LINES = 100, 1_000
STREAM_BATCH_BYTES = 256 << 10
#: Reads that are kept for others at the same place; each holds about STREAM_BATCH_BYTES.
SHARED_LOOKS = 16
#: A client that takes what it is sent later than this is told that it lags, seconds.
SLOW_S = 1.0
#: Reads are at least this far apart, and so are news of the job itself.
STREAM_PAUSE_S = 0.015
JOB_PAUSE_S = 0.25

_encode = msgspec.json.Encoder().encode


class Moment(NamedTuple):
    """What was found at one moment: the job, and the lines that are new."""

    job: Job
    tail: Tail
    over: bool
    #: Where there is more than was read.
    attempts: list[AttemptView]
    job_json: bytes
    events: bytes
    #: Lines that have no newline yet, as JSON.
    growing: bytes


class _Looks:
    """Reads once for all clients that are at the same place, as they are at the live end."""

    def __init__(self) -> None:
        self._generation = -1
        self._tasks: dict[tuple[Any, ...], asyncio.Task[Moment]] = {}

    async def look(
        self, server: ServerContext, job_id: str, wanted: LogFilter, position: int, lines: int
    ) -> Moment:
        """What there is behind *position*; whatever comes later wakes its clients again."""
        if self._generation != server.poller.generation:
            self._generation = server.poller.generation
            self._tasks.clear()
        key = (job_id, wanted, position, lines)
        task = self._tasks.get(key)
        if task is None:
            reading = asyncio.to_thread(_look, server, job_id, wanted, position, lines)
            task = self._tasks[key] = asyncio.ensure_future(reading)
            while len(self._tasks) > SHARED_LOOKS:
                del self._tasks[next(iter(self._tasks))]
        try:
            # One client that leaves does not take the others' read with it.
            return await asyncio.shield(task)
        except Exception:
            self._tasks.pop(key, None)
            raise


@get(
    "/api/pulse/jobs/{job_id:str}/events",
    sync_to_thread=True,
    tags=["logs"],
    summary="Live lines",
    media_type=EVENT_STREAM,
    responses={
        200: ResponseSpec(
            str, media_type=EVENT_STREAM, generate_examples=False, description="Server-sent events."
        ),
        **documented(404),
    },
)
def follow(
    server: Server,
    job_id: JobId,
    wanted: Wanted,
    after: Position = None,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID",
            max_length=200,
            description="attempt:number of the last line received.",
        ),
    ] = None,
) -> Stream:
    """
    Lines that fit, from the start or after a line, and from then on as they are said.

    Events: `line` (id: attempt:number, data: a line), `job` (data: the job, when it changed),
    `growing` (data: the lines that have no newline yet, whenever one of them has changed; they
    have no number), `gap` (data: from, to, both attempt:number) when this client lags so far that
    what follows is history first, `end` when the job is over and everything was sent. No line is
    missing or sent twice; a connection that breaks goes on with Last-Event-ID.
    """
    place = last_event_id or after
    with server.reading() as store:
        store.jobs.get(checked_job_id(job_id))
        position = 0
        if place is not None:
            position = store.logs.position(job_id, place, wanted.attempt)
    return Stream(_events(server, job_id, wanted, position), media_type=EVENT_STREAM)


async def _events(
    server: ServerContext, job_id: str, wanted: LogFilter, position: int
) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    shown, shown_at, growing = b"", float("-inf"), b"[]"
    pull, looks = _Pull(), _looks_of(server)
    with server.poller.listen() as listener:
        while not server.poller.closing:
            listener.clear()
            began = monotonic_s()
            now = await looks.look(server, job_id, wanted, position, pull.lines)
            job = now.job_json
            changed = job != shown
            if changed and (now.over or not shown or began - shown_at >= JOB_PAUSE_S):
                yield frame(b"job", job)
                shown, shown_at, changed = job, began, False
            if now.tail.lines:
                if pull.lagging:
                    yield frame(b"gap", _encode(_gap(now)))
                sent_at = monotonic_s()
                yield now.events
                pull.sent(len(now.events), monotonic_s() - sent_at)
            if now.growing != growing:
                growing = now.growing
                yield frame(b"growing", growing)
            position = now.tail.position
            if now.tail.more:
                continue
            if now.over:
                yield frame(b"end", b"{}")
                return
            due = shown_at + JOB_PAUSE_S - began if changed else HEARTBEAT_S
            if not await _woken(listener, began, due) and not changed:
                yield b": still here\n\n"


def _looks_of(server: ServerContext) -> _Looks:
    looks = _SHARED.get(server)
    if looks is None:
        looks = _SHARED[server] = _Looks()
    return looks


#: By server: tests have several in one process.
_SHARED: WeakKeyDictionary[ServerContext, _Looks] = WeakKeyDictionary()


class _Pull:
    """How much one client takes at a time: nothing is read for it before it took what was sent."""

    def __init__(self) -> None:
        self.lines = FIRST_LINES
        self.lagging = False

    def sent(self, size_bytes: int, seconds: float) -> None:
        """A batch was taken, after so long."""
        self.lagging = seconds > SLOW_S
        if size_bytes > STREAM_BATCH_BYTES:
            self.lines = max(1, self.lines * STREAM_BATCH_BYTES // size_bytes)
        elif size_bytes < STREAM_BATCH_BYTES // 2:
            self.lines = min(2 * self.lines, MOST_LINES)


def _gap(now: Moment) -> dict[str, str]:
    """The lines that a lagging client gets from the store: from the first to the newest one."""
    first, last = now.tail.lines[0], now.tail.lines[-1]
    to = f"{last.attempt}:{last.id}"
    if now.tail.more:
        newest = [(a.attempt, a.counts.total) for a in now.attempts if a.counts.total]
        to = "{}:{}".format(*newest[-1])
    return {"from": f"{first.attempt}:{first.id}", "to": to}


def _look(
    server: ServerContext, job_id: str, wanted: LogFilter, position: int, lines: int
) -> Moment:
    """The job and what follows *position*, of one moment."""
    with server.reading() as store:
        job = store.jobs.get(job_id)
        tail = store.logs.since(job_id, wanted, position, lines)
        attempts = store.jobs.attempts(job_id) if tail.more else []
        over = job.status in FINAL
        if not over and wanted.attempt is not None and wanted.attempt < job.attempt:
            over = True
        growing = [] if tail.more else store.logs.growing(job_id, wanted)
    events = b"".join(map(_line, tail.lines))
    return Moment(job, tail, over, attempts, _encode(job), events, _encode(growing))


async def _woken(listener: Listener, began: float, timeout_s: float) -> bool:
    """Wait for news, but not so short that a busy job costs a read for each line."""
    woken = await listener.wait(max(timeout_s, 0.001))
    rest = began + STREAM_PAUSE_S - monotonic_s()
    if woken and rest > 0:
        await asyncio.sleep(rest)
    return woken


def _line(line: Line) -> bytes:
    return b"id: %d:%d\n%s" % (line.attempt, line.id, frame(b"line", _encode(line)))


ROUTES = [follow]
