"""Wake-ups between processes of one data directory: a named pipe, a byte, no content."""

from __future__ import annotations

import os
from pathlib import Path

from qntx.journal.interrupts import reraise_from_signal

#: What a parent writes to its indexer when it needs it no more.
STOP_INDEXER = b"q"


class Wakeup:
    """
    A named pipe that one process listens on and any other may notify.

    A notify is only a hint: whoever wakes looks for itself what there is to do, and looks from
    time to time even without one.
    """

    def __init__(self, home: Path, name: str = "indexer") -> None:
        self.path = home / f"{name}.wake"
        self._fd: int | None = None

    def listen(self) -> None:
        """Begin to listen (the pipe is made if it is missing)."""
        try:
            os.mkfifo(self.path, 0o600)
        except FileExistsError:
            pass
        # Opened for both ways, so that it never signals an end when a notifying process ends.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def descriptors(self) -> list[int]:
        """What to select on."""
        return [] if self._fd is None else [self._fd]

    def clear(self) -> None:
        """Take the notifications that have arrived."""
        if self._fd is not None:
            try:
                os.read(self._fd, 4096)
            except BlockingIOError:
                pass

    def notify(self) -> None:
        """Wake the listener, if there is one; never waits and never fails."""
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            reraise_from_signal(error)
            return  # nobody listens
        try:
            os.write(fd, b"\0")
        except OSError as error:
            reraise_from_signal(error)  # else: it is full of notifications already
        finally:
            os.close(fd)
