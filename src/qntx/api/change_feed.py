"""What changes, found once for all who watch, and kept for those who were away for a moment."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from qntx.api.database_poller import DatabasePoller, Listener
from qntx.api.sse import frame
from qntx.clock import iso, monotonic_s, now_us
from qntx.errors import NotFound, StoreUnavailable
from qntx.model.views import Job
from qntx.runtime.token_channel import TokenReceiver
from qntx.storage.interfaces import Changed, Store

#: How many events, and bytes of them, are kept for those who read slowly.
KEPT_EVENTS = 4_000
KEPT_BYTES = 4 << 20
#: Looks are at least this far apart, seconds.
FEED_PAUSE_S = 0.1
#: How long it goes on looking after the last listener has left, seconds.
FEED_LINGER_S = 10.0
#: Tokens taken at once; more than that wait in the socket, and then are not sent.
TOKENS = 500
#: Who was away longer than this is not told one by one what changed, microseconds.
AWAY_US = 3_600_000_000
_HEAVY = ("payload", "result", "error_details")

_encode = msgspec.json.Encoder().encode


class Event(NamedTuple):
    """One event, complete as it is sent."""

    number: int
    data: bytes


class ChangeFeed:
    """
    The newest events of one server, while somebody listens.

    Each listener goes through them at its own pace; one that is too slow finds its place gone.
    """

    def __init__(
        self,
        poller: DatabasePoller,
        reading: Callable[[], AbstractContextManager[Store]],
        home: Path,
    ) -> None:
        self._poller = poller
        self._reading = reading
        self._home = home
        self._epoch = secrets.token_hex(4)
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._next = 1
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    # -- listening -----------------------------------------------------------------------------

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """A listener that is woken when there are events; the first one starts the feed."""
        listener = Listener(asyncio.get_running_loop())
        self._listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def begun(self) -> None:
        """Wait until every change from now on becomes an event."""
        await self._begun.wait()

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def newest(self) -> int:
        """The number of the newest event."""
        return self._next - 1

    def after(self, number: int, most: int) -> tuple[list[Event], int]:
        """Up to *most* events after *number*, and how many before those are gone already."""
        first = self._events[0].number if self._events else self._next
        missed = max(0, first - number - 1)
        start = max(0, number + 1 - first)
        stop = min(len(self._events), start + most)
        return [self._events[index] for index in range(start, stop)], missed

    def place(self, event_id: str) -> tuple[int | None, str | None]:
        """Of an event's id: its number, if the events after it are here; and its time."""
        at, _, rest = event_id.partition("/")
        epoch, _, number = rest.partition("/")
        if not (at.isascii() and at.isdigit() and number.isascii() and number.isdigit()):
            return None, None
        known = epoch == self._epoch and int(number[:18]) < self._next
        known = known and (not self._events or int(number) >= self._events[0].number - 1)
        try:
            when = iso(int(at[:17]))
        except (ValueError, OverflowError, OSError):
            return None, None
        return (int(number) if known else None), when

    def missed_since(self, at: str) -> tuple[list[bytes], bool]:
        """
        What the store knows to have changed after the time *at*, and whether that is all.

        Longer ago than an hour the lists are the better answer: then it gives nothing.
        """
        if at < iso(now_us() - AWAY_US):
            return [], False
        with self._reading() as store:
            changed = store.changes.since(at)
            return list(_told(store, changed, self.newest, self._epoch)), not changed.untold

    # -- the feed itself -----------------------------------------------------------------------

    async def _run(self) -> None:
        """Look for changes until nobody has listened for a while."""
        loop, place = asyncio.get_running_loop(), None
        receiver = self._receive(loop)
        idle_since = None
        try:
            with self._poller.listen() as woken:
                while not self._poller.closing:
                    woken.clear()
                    began = monotonic_s()
                    try:
                        frames, place = await asyncio.to_thread(self._look, place)
                        self._add(frames)
                        self._begun.set()
                    except StoreUnavailable:
                        pass  # it is looked at again; nothing is passed over
                    await woken.wait(1.0)
                    await asyncio.sleep(max(0.0, began + FEED_PAUSE_S - monotonic_s()))
                    if self._listeners:
                        idle_since = None
                    elif idle_since is None:
                        idle_since = monotonic_s()
                    elif monotonic_s() - idle_since > FEED_LINGER_S:
                        return
        finally:
            # What comes meanwhile would be missing: ids of before lead to the store.
            self._epoch = secrets.token_hex(4)
            self._begun.clear()
            for listener in self._listeners:
                listener.wake()
            if receiver is not None:
                loop.remove_reader(receiver.descriptor)
                receiver.close()

    def _receive(self, loop: asyncio.AbstractEventLoop) -> TokenReceiver | None:
        try:
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            receiver = TokenReceiver(self._home, name)
        except OSError:
            return None  # no tokens then; everything else works
        loop.add_reader(receiver.descriptor, self._take_tokens, receiver)
        return receiver

    def _take_tokens(self, receiver: TokenReceiver) -> None:
        self._add([frame(b"token", _encode(token)) for token in receiver.read(TOKENS)])

    def _look(self, place: object | None) -> tuple[list[bytes], object]:
        with self._reading() as store:
            changed, place = store.changes.look(place)
            return list(_told(store, changed)), place

    def _add(self, frames: list[bytes]) -> None:
        for one in frames:
            data = _id(now_us(), self._epoch, self._next) + one
            self._events.append(Event(self._next, data))
            self._next += 1
            self._bytes += len(data)
        while len(self._events) > KEPT_EVENTS or (self._events and self._bytes > KEPT_BYTES):
            self._bytes -= len(self._events.popleft().data)
        if frames:
            for listener in self._listeners:
                listener.wake()


def summary(job: Job) -> dict[str, object]:
    """A job without what may be large."""
    return {name: getattr(job, name) for name in job.__struct_fields__ if name not in _HEAVY}


def _told(
    store: Store, changed: Changed, number: int | None = None, epoch: str = ""
) -> Iterator[bytes]:
    """The events for what changed, as it is now."""
    prefix = b"" if number is None else _id(now_us(), epoch, number)
    if changed.untold and number is None:
        gap = {"reason": "more changed at once than is told one by one", "missed": changed.untold}
        yield frame(b"gap", _encode(gap))
    jobs, executions = store.jobs, store.executions
    schedules = store.schedules
    kinds: tuple[tuple[bytes, list[str], Callable[[str], object]], ...] = (
        (b"job", changed.jobs, lambda which: summary(jobs.get(which))),
        (b"execution", changed.executions, executions.get),
        (b"schedule", changed.schedules, schedules.get),
    )
    for name, ids, now in kinds:
        for which in ids:
            with suppress(NotFound):  # forgotten meanwhile
                yield prefix + frame(name, _encode(now(which)))


def _id(at_us: int, epoch: str, number: int) -> bytes:
    return f"id: {at_us}/{epoch}/{number}\n".encode()
