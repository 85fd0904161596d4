"""Who writes next: the database has one writer, and no queue of its own for those that wait."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Locked by a writer that waits: the indexer, which writes all the time, then leaves a gap.
_LINE = "writers.lock"
#: How often a waiting writer tries, seconds: SQLite's own steps (up to 100 ms) miss every gap.
_TRY_S = 0.0005
#: The longest gap that the indexer leaves, seconds.
_GAP_S = 0.05
_here = threading.local()


def yield_to_waiters(folder: str) -> None:
    """
    Wait while another process waits to write to the database in *folder*, 50 ms at most.

    Without it, a process that begins its next transaction at once keeps all others out for
    seconds (measured: claims of jobs took up to 1.2 s beside a busy indexer).
    """
    line = _open_line(folder)
    if line is not None:
        deadline = time.monotonic() + _GAP_S
        while not _lock(line) and time.monotonic() < deadline:
            time.sleep(_TRY_S / 2)
        os.close(line)


@contextmanager
def waiting_to_write(folder: str) -> Iterator[None]:
    """
    While inside, :func:`yield_to_waiters` knows of this thread when it has to wait to write.

    *folder* is that of the database. A thread that need not wait never opens a file for it.
    """
    place = _here.place = _Place(folder)
    try:
        yield
    finally:
        _here.place = None
        place.leave()


def busy_handler(timeout_s: float) -> Callable[[int], bool]:
    """A busy handler that tries often, for *timeout_s* seconds."""
    began = 0.0

    def wait(tries: int) -> bool:
        nonlocal began
        now = time.monotonic()
        if tries == 0:
            began = now
            place: _Place | None = getattr(_here, "place", None)
            if place is not None:
                place.take()
        elif now - began >= timeout_s:
            return False
        time.sleep(_TRY_S if tries < 200 else 10 * _TRY_S)
        return True

    return wait


class _Place:
    """A place in the line, taken by a writer that finds the database locked."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._line: int | None = None

    def take(self) -> None:
        """Be seen to wait; never waits itself."""
        if self._line is None:
            self._line = _open_line(self._folder)
        if self._line is not None:
            _lock(self._line)

    def leave(self) -> None:
        """Wait no more."""
        if self._line is not None:
            os.close(self._line)


def _open_line(folder: str) -> int | None:
    """The file that waiting writers lock; None where there can be none: it is a courtesy only."""
    try:
        return os.open(os.path.join(folder, _LINE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _lock(line: int) -> bool:
    with contextlib.suppress(OSError):
        fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
