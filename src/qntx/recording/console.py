"""The console of a run in the foreground: shows what is written to spools, as it comes."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qntx.journal.background_threads import BackgroundThread
from qntx.journal.relay_process import HEADER_BYTES, read_header
from qntx.journal.spool import Spool
from qntx.journal.spool_files import is_abandoned
from qntx.locks import holding

#: How late the console may show what went past Python's own streams, seconds.
LATE_S = 0.02
#: Only a part of the descriptors that a process may have is used to show streams: one in so many.
_PART = 4


class _Feed:
    """A file that is shown on a descriptor as it grows."""

    def __init__(self, path: Path, target: int) -> None:
        self._path = path
        self._target = target
        self._position = HEADER_BYTES
        self._reader = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._file = os.fstat(self._reader)
        if self._reader > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _PART:
            os.close(self._reader)  # the program needs the rest for itself
            self._reader = -1

    def copy(self) -> bool:
        """Show what is new; returns whether no more will come."""
        with contextlib.suppress(OSError):  # the file or the terminal went away
            with self._opened() as reader:
                header = read_header(reader)  # before the last bytes are copied
                is_over = (header is not None and header.ended) or is_abandoned(reader)
                while data := os.pread(reader, 1 << 16, self._position):
                    self._position += len(data)
                    os.write(self._target, data)
                return is_over
        return True

    def close(self) -> None:
        """Let go of the file, but of none that took its number when a program closed it."""
        if self._is_ours():
            os.close(self._reader)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        if self._reader < 0 or not self._is_ours():
            self._reader = -1
            reader = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                yield reader
            finally:
                os.close(reader)
        else:
            yield self._reader

    def _is_ours(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._reader), self._file)
        except OSError:
            return False


class Console:
    """Copies spools to the descriptors that the run had before it was captured."""

    def __init__(self, stdout: int, stderr: int) -> None:
        self._targets = {"stdout": stdout, "stderr": stderr}
        self._feeds: dict[str, _Feed] = {}
        self._lock = threading.RLock()
        self._thread = BackgroundThread("qntx-console", self._run)

    def add(self, spool: Spool, stream: str) -> None:
        """Show what is written to *spool* from now on."""
        feed = _Feed(spool.path, self._targets[stream])
        holding(self._lock, self._feeds.__setitem__, spool.name, feed)
        self._thread.start()

    def finish(self, spool: Spool) -> None:
        """Show the rest of *spool*, then no more of it."""
        holding(self._lock, self._finish, spool.name)

    def after_fork_in_child(self) -> None:
        """The parent goes on showing what lands in the spools; this process does not."""
        self._lock = threading.RLock()
        for feed in self._feeds.values():
            feed.close()
        self._feeds = {}

    def close(self) -> None:
        """Show the rest of everything and end."""
        self._thread.stop()
        for name in list(self._feeds):
            holding(self._lock, self._finish, name)

    def _finish(self, name: str) -> None:
        feed = self._feeds.pop(name, None)
        if feed is not None:
            feed.copy()
            feed.close()

    def _run(self, stop: threading.Event) -> None:
        over = False
        while not over:
            over = stop.wait(LATE_S)  # a program that forks all the time stops it all the time
            holding(self._lock, self._show)

    def _show(self) -> None:
        for name, feed in list(self._feeds.items()):
            if feed.copy():
                self._feeds.pop(name).close()


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
