"""Notices that the database changed, once for all who listen, and wakes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from qntx.errors import StoreUnavailable
from qntx.storage.interfaces import Store

DATABASE_RETRY_S = 0.5
MAX_LISTENERS = 256


class Listener:
    """One who is woken when there may be something new; it then reads past its own cursor."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._event = asyncio.Event()

    def clear(self) -> None:
        """Forget earlier wake-ups; to be called before reading."""
        self._event.clear()

    def wake(self) -> None:
        """Wake it; in the thread of its loop."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Sleep until woken, at most *timeout_s* seconds; whether it was woken."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class DatabasePoller:
    """Waits for the change signal of the store in one thread, while somebody listens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self.closing = False
        #: Counts the changes that were noticed.
        self.generation = 0

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """A listener, woken while the code inside runs. Raises StoreUnavailable beyond 256."""
        listener = Listener(asyncio.get_running_loop())
        with self._lock:
            if len(self._listeners) >= MAX_LISTENERS:
                raise StoreUnavailable(
                    f"{MAX_LISTENERS} streams are open, which is all this server serves - "
                    "close some"
                )
            self._listeners.add(listener)
            self._idle.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="qntx-watch", daemon=True)
                self._thread.start()
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)
                if not self._listeners:
                    self._idle.set()

    def close(self) -> None:
        """End every stream: the server stops."""
        self.closing = True
        self._idle.set()
        self._wake_all()

    def _run(self) -> None:
        with closing(self._store.change_signal()) as signal:
            while not self._leave():
                try:
                    while signal.wait(self._idle):
                        self._wake_all()
                except StoreUnavailable:
                    # Whoever listens reads, and reports what it finds; here it is tried again.
                    self._wake_all()
                    self._idle.wait(DATABASE_RETRY_S)

    def _leave(self) -> bool:
        """Whether the thread is no longer needed; it is forgotten then."""
        with self._lock:
            if self._listeners and not self.closing:
                return False
            self._thread = None
            return True

    def _wake_all(self) -> None:
        self.generation += 1
        with self._lock:
            loops: dict[asyncio.AbstractEventLoop, list[Listener]] = {}
            for listener in self._listeners:
                loops.setdefault(listener.loop, []).append(listener)
        for loop, listeners in loops.items():
            try:
                loop.call_soon_threadsafe(_wake, listeners)
            except RuntimeError:
                continue  # the loop is closed: nobody listens there any more


def _wake(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.wake()
