"""
Spools: streams behind file descriptors 1 and 2, for output that goes past Python.

What a C library, a subprocess or a crashing interpreter writes goes through a pipe, and a relay
moves it to a file in the data directory, so that it outlives whoever wrote it; the indexer turns
it into lines.
"""

from __future__ import annotations

import fcntl
import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from qntx.journal import relay
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.relay_connection import has_no_writers, unread_bytes
from qntx.journal.relay_process import HEADER_BYTES, Header, read_header
from qntx.journal.segment import private_folder
from qntx.journal.spool_files import SUFFIX, spool_folder

_numbers = count(1)
#: In place of the read end of a pipe: it is not kept, and nothing of the stream is any more.
_UNKEPT, _FORGOTTEN = -1, -2

#: How long what follows in the journal waits for what was written before, seconds. The relay takes
#: so long only where it was stopped or the disk is full: order is not worth standing still then.
SETTLE_S = 1.0
_SPINS = 50
_PAUSE_S = 0.0002
#: A stream whose pipe is not kept (too many files are open) is waited for so long, seconds.
_UNKEPT_S = 0.05


class Spool:
    """
    A stream of this process or of a child: a pipe to put behind a descriptor, and a file.

    Programs find what they find everywhere behind their standard streams, and nothing that they
    do to them (reopen, truncate, seek, close, a file-size limit) reaches what was written before.
    """

    __slots__ = ("_is_stuck", "_pipe", "fd", "identity", "name", "path", "reported")

    def __init__(self, home: Path, producer: str, stream: str) -> None:
        """Begin a stream of the data directory *home*; raises OSError where that cannot be."""
        self.name = f"{producer}.{os.getpid()}.{next(_numbers)}.{stream}{SUFFIX}"
        private_folder(spool_folder(home))
        self.path = spool_folder(home) / self.name
        #: Up to where in the file the journal has reported it to the indexer.
        self.reported = HEADER_BYTES
        #: The relay took nothing for long: nobody waits for it again until it does.
        self._is_stuck = False
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._pipe, self.fd = _FORGOTTEN, -1
        try:
            # The lock belongs to the open file, which those have that hold the stream: it is free
            # when the last of them is gone, and that is how the indexer knows.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._pipe, self.fd = os.pipe()
            #: Device and inode of the pipe: by these it is known whatever its number.
            self.identity = os.fstat(self.fd)
            # A child that runs as another user may open /dev/stderr anew, as it may elsewhere.
            os.fchmod(self.fd, 0o622)
            relay.hand_over(self._pipe, file)
        except BaseException:
            self.forget()
            self.path.unlink()
            raise
        finally:
            os.close(file)
        if self._pipe > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4:
            os.close(self._pipe)  # the program needs the rest for itself
            self._pipe = _UNKEPT

    def settle(self) -> tuple[int, bool]:
        """
        Wait until what was written before this call is in the file.

        Returns the size of the file (its header included), and whether the stream is at its end:
        nobody can write to it any more. It is stored whole already if the file is gone. Where
        another thread lets go of the stream meanwhile, it is the one that knows.
        """
        pipe = self._pipe
        try:
            if pipe == _FORGOTTEN:
                return self.reported, False
            ended = self._wait_for_end() if pipe == _UNKEPT else self._wait(pipe)
            # Of a stream that waits for room, the relay may have taken something to drop it.
            ended = ended and not self._header_says(lambda header: header.waits_ms)
            return max(HEADER_BYTES, os.stat(self.path).st_size), ended
        except FileNotFoundError:
            return self.reported, True
        except OSError as error:
            reraise_from_signal(error)
            return self.reported, False

    def close(self) -> None:
        """Close this process's own end to write to; those who inherited it go on."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def forget(self) -> None:
        """Close everything that this process has of it."""
        self.close()
        # The number first: whoever still reads it here has read of this pipe, and of no other.
        pipe, self._pipe = self._pipe, _FORGOTTEN
        if pipe >= 0:
            os.close(pipe)

    def __del__(self) -> None:
        # A child that nobody waits for takes its streams with it.
        with suppress(OSError, AttributeError):
            self.forget()

    def _wait(self, pipe: int) -> bool:
        spins, until = 0, 0.0
        while True:
            # Before the look at what is unread: what is written before the last one lets go counts.
            is_over = has_no_writers(pipe) if self.fd < 0 else False
            is_empty = not unread_bytes(pipe)
            if self._pipe != pipe:
                return False
            if is_empty:
                self._is_stuck = False
                return is_over
            spins += 1
            if spins < _SPINS:
                time.sleep(0)
                continue
            until = until or time.monotonic() + SETTLE_S
            if self._is_stuck or time.monotonic() > until:
                self._is_stuck = True
                return False
            time.sleep(_PAUSE_S)

    def _wait_for_end(self) -> bool:
        until = time.monotonic() + _UNKEPT_S
        while not (ended := self._header_says(_is_ended)) and time.monotonic() < until:
            time.sleep(_PAUSE_S)
        return ended

    def _header_says(self, what: Callable[[Header], object]) -> bool:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            header = read_header(fd)
            return header is not None and bool(what(header))
        finally:
            os.close(fd)


def _is_ended(header: Header) -> bool:
    return header.ended
