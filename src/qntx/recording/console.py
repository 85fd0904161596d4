"""The console of a run in the foreground: shows what is written to spools, as it comes."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from dataclasses import dataclass
from typing import Any

from qntx.journal.background_threads import BackgroundThread
from qntx.journal.spool import Spool, is_abandoned

#: How late the console may show what went past Python's own streams, seconds.
LATE_S = 0.02


@dataclass(slots=True)
class _Feed:
    reader: int
    target: int
    position: int = 0


class Console:
    """Copies spools to the descriptors that the run had before it was captured."""

    def __init__(self, stdout: int, stderr: int) -> None:
        self._targets = {"stdout": stdout, "stderr": stderr}
        self._feeds: dict[str, _Feed] = {}
        self._lock = threading.Lock()
        self._thread = BackgroundThread("qntx-console", self._run)

    def add(self, spool: Spool, stream: str) -> None:
        """Show what is written to *spool* from now on."""
        reader = os.open(spool.path, os.O_RDONLY | os.O_CLOEXEC)
        with self._lock:
            self._feeds[str(spool.path)] = _Feed(reader, self._targets[stream])
        self._thread.start()

    def finish(self, spool: Spool) -> None:
        """Show the rest of *spool*, then no more of it."""
        with self._lock:
            feed = self._feeds.pop(str(spool.path), None)
            if feed is not None:
                _copy(feed)
                os.close(feed.reader)

    def after_fork_in_child(self) -> None:
        """The parent goes on showing what lands in the spools; this process does not."""
        self._lock = threading.Lock()
        for feed in self._feeds.values():
            os.close(feed.reader)
        self._feeds = {}

    def close(self) -> None:
        """Show the rest of everything and end."""
        self._thread.stop()
        with self._lock:
            for feed in self._feeds.values():
                _copy(feed)
                os.close(feed.reader)
            self._feeds.clear()

    def _run(self, stop: threading.Event) -> None:
        over = False
        while not over:
            over = stop.wait(LATE_S)  # a program that forks all the time stops it all the time
            with self._lock:
                for path, feed in list(self._feeds.items()):
                    is_over = is_abandoned(feed.reader)  # before its last bytes are copied
                    _copy(feed)
                    if is_over:
                        os.close(self._feeds.pop(path).reader)


def _copy(feed: _Feed) -> None:
    with contextlib.suppress(OSError):  # the spool or the terminal went away
        while data := os.pread(feed.reader, 1 << 16, feed.position):
            feed.position += len(data)
            os.write(feed.target, data)


class DirectStream(io.RawIOBase):
    """
    Text straight to a descriptor: no buffer and no lock.

    So a process forked in the middle of a write, and a signal handler that prints, find nothing
    that somebody holds.
    """

    encoding = "utf-8"
    errors = "surrogateescape"
    line_buffering = True

    def __init__(self, fd: int, number: int) -> None:
        self._fd = fd
        self._number = number

    @property
    def buffer(self) -> DirectStream:
        """The binary side: the same."""
        return self

    def writable(self) -> bool:
        """Always true."""
        return True

    def fileno(self) -> int:
        """
        The number of the standard descriptor that it stands for.

        What is written there is captured, and then shown here; what is written to our own is not.
        """
        return self._number

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return os.isatty(self._fd)

    def write(self, text: Any) -> int:
        """Write all of *text* (or bytes); returns its length."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        if isinstance(text, str):
            with contextlib.suppress(UnicodeEncodeError):
                data = text.encode("utf-8", "surrogateescape")
        done = 0
        while done < len(data):
            done += os.write(self._fd, data[done:])
        return len(text)

    def release(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


def console_stream(stream: Any, saved: int, number: int) -> Any:
    """*stream*, or one on the descriptor *saved* where *stream* leads to descriptor *number*."""
    try:
        leads_there = stream is not None and stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        return stream
    return DirectStream(saved, number) if leads_there else stream
