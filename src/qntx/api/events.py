"""One live stream for everything: jobs, executions, schedules, and models' answers as they grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response import Stream

from qntx.api.context import Server, ServerContext
from qntx.api.problems import documented
from qntx.api.sse import EVENT_STREAM, HEARTBEAT_S, frame
from qntx.errors import StoreUnavailable

#: Events that are handed to the socket at once.
EVENTS_PER_READ = 200
MAX_LISTENERS = 256


@get(
    "/api/pulse/events",
    tags=["system"],
    summary="Live changes",
    media_type=EVENT_STREAM,
    responses={
        200: ResponseSpec(
            str, media_type=EVENT_STREAM, generate_examples=False, description="Server-sent events."
        ),
        **documented(),
    },
)
async def follow_all(
    server: Server,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID", max_length=200, description="The id of the last event received."
        ),
    ] = None,
) -> Stream:
    """
    What changes from now on, or since Last-Event-ID, as far as that is known.

    Events: `hello` first; `job`, `execution`, `schedule` (data: it, as it is now; a job without
    payload and result); `token` (data: job_id, attempt, text, stage, model: a piece of a model's
    answer); `gap` (data: reason, missed): some events are not told, read the lists again.
    """
    if server.feed.listening >= MAX_LISTENERS:
        raise StoreUnavailable(
            f"{MAX_LISTENERS} streams are open, which is all this server serves - close some"
        )
    return Stream(_events(server, last_event_id), media_type=EVENT_STREAM)


async def _events(server: ServerContext, last_event_id: str | None) -> AsyncIterator[bytes]:
    feed = server.feed
    yield b"retry: 1000\n\n"
    with feed.listen() as listener:
        await feed.begun()
        place, beginning = await _begin(server, last_event_id)
        yield beginning
        while not server.poller.closing:
            listener.clear()
            events, missed = feed.after(place, EVENTS_PER_READ)
            if missed:
                gap = {"reason": "this client reads too slowly", "missed": missed}
                yield frame(b"gap", msgspec.json.encode(gap))
            if events:
                place = events[-1].number
                yield b"".join(event.data for event in events)
            elif not await listener.wait(HEARTBEAT_S):
                yield b": still here\n\n"


async def _begin(server: ServerContext, last_event_id: str | None) -> tuple[int, bytes]:
    """After which event to go on, and what to send first: hello, and what was missed."""
    feed = server.feed
    place = feed.newest
    hello = frame(b"hello", b"{}")
    if last_event_id is None:
        return place, hello
    number, at = feed.place(last_event_id)
    if number is not None:
        return number, hello
    gap = {"reason": "it is not known what changed since that event", "missed": None}
    frames: list[bytes] = []
    whole = False
    if at is not None:
        frames, whole = await asyncio.to_thread(feed.missed_since, at)
    if not whole:
        frames = [frame(b"gap", msgspec.json.encode(gap)), *frames]
    return place, hello + b"".join(frames)


ROUTES = [follow_all]
