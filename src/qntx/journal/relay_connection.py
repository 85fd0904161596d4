"""The way to a relay: sockets over which streams are handed to it, and what a pipe says."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import socket
import termios
import time
from collections.abc import Iterable

#: A relay that takes nothing for so long is given up, seconds.
_SEND_S = 10.0
_RETRY_S = 0.002


def unread_bytes(pipe: int) -> int:
    """How many bytes the pipe *pipe* (a read end) holds; raises OSError."""
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def has_no_writers(pipe: int) -> bool:
    """Whether nobody can write to the pipe *pipe* (a read end) any more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


class Connection:
    """The way to a relay and its holder: two sockets that any number of processes may share."""

    def __init__(self, relay: socket.socket, holder: socket.socket) -> None:
        self._sockets = (holder, relay)  # the holder first: what the relay has, it has, too
        self._inodes = inodes(self.descriptors)

    @property
    def descriptors(self) -> list[int]:
        """What another process has to inherit for ``connect``."""
        return [end.fileno() for end in reversed(self._sockets)]

    def is_intact(self) -> bool:
        """Whether a program has not closed the sockets, to use their numbers for its own files."""
        return inodes(self.descriptors) == self._inodes

    def send(self, pipe: int, file: int) -> None:
        """Hand over a stream; raises OSError where there is no relay any more."""
        if not self.is_intact():
            raise BrokenPipeError("the way to the relay was closed")
        holder, relay = self._sockets
        with contextlib.suppress(OSError):  # it is gone: the relay goes on without one
            send_to(holder, pipe, file)
        send_to(relay, pipe, file)

    def close(self) -> None:
        """Let go of the sockets, but never of a program's own files."""
        is_intact = self.is_intact()
        for end in self._sockets:
            if is_intact:
                end.close()
            else:
                end.detach()


def inodes(descriptors: Iterable[int]) -> list[int]:
    """What is behind descriptors: 0 where nothing is."""
    found = []
    for number in descriptors:
        try:
            found.append(os.fstat(number).st_ino)
        except OSError:
            found.append(0)
    return found


def send_to(end: socket.socket, *descriptors: int) -> None:
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    until = time.monotonic() + _SEND_S
    while True:
        try:
            end.sendmsg([b"+"], [rights], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(_RETRY_S)
