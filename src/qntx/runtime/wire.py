"""The messages between a supervisor and its workers: length-prefixed MessagePack on a socket."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from qntx.model.job import Claimed

#: Exit codes of a worker whose supervisor is gone, or whose lease on its jobs ran out.
EXIT_ORPHANED, EXIT_LEASE_LOST = 75, 76
_LENGTH = struct.Struct("<I")


class Assign(msgspec.Struct, tag="assign", frozen=True):
    """Jobs to execute, in order."""

    jobs: list[Claimed]


class Recall(msgspec.Struct, tag="recall", frozen=True):
    """Give back the jobs that have not begun: somebody else is idle."""


class Stop(msgspec.Struct, tag="stop", frozen=True):
    """A request that a job stop: ``cancel``, ``pause``, ``timeout`` or ``shutdown``."""

    job_id: str
    request: str


class Leased(msgspec.Struct, tag="leased", frozen=True):
    """The leases of the worker's jobs hold for *lease_s* seconds from now."""

    lease_s: float


class Shutdown(msgspec.Struct, tag="shutdown", frozen=True):
    """No more jobs: end when those at hand are done."""


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """The worker has loaded its handlers."""

    sync: list[str]
    asynchronous: list[str]
    metered: list[str]
    timeouts: dict[str, float]
    policies: dict[str, tuple[float, float, float, float, int]]


class Done(msgspec.Struct, tag="done", frozen=True):
    """Attempts (job id, number) are over; how, is in the journal."""

    attempts: list[tuple[str, int]]


class Returned(msgspec.Struct, tag="returned", frozen=True):
    """Jobs that were recalled in time."""

    job_ids: list[str]


class Beat(msgspec.Struct, tag="beat", frozen=True):
    """The worker is alive (its listener is; a handler may be deep in C)."""


ToWorker = Assign | Recall | Stop | Leased | Shutdown
FromWorker = Ready | Done | Returned | Beat
Message = ToWorker | FromWorker

_encoder = msgspec.msgpack.Encoder()


def _framed(message: Message) -> bytes:
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Channel:
    """One end of the socket between a supervisor and a worker."""

    def __init__(self, end: socket.socket, incoming: Any) -> None:
        self._socket = end
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(incoming)
        self._buffer = bytearray()
        #: What the other side has had no room for yet.
        self.unsent = bytearray()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send one message; raises OSError when the other side is gone."""
        self._socket.sendall(_framed(message))

    def post(self, message: Message) -> None:
        """
        Send one message without waiting; raises OSError when the other side is gone.

        What it has no room for goes with the next :meth:`flush`: one that has stopped to read must
        not stop its supervisor, too.
        """
        self.unsent += _framed(message)
        self.flush()

    def flush(self) -> None:
        """Send as much as there is room for of what is :attr:`unsent`; raises OSError."""
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                sent = self._socket.send(self.unsent, socket.MSG_DONTWAIT)
                del self.unsent[:sent]

    def receive(self, *, wait: bool = True) -> list[Any] | None:
        """
        The messages that have arrived; None when the other side is gone.

        With *wait*, some; without, None when there is nothing more.
        """
        try:
            data = self._socket.recv(1 << 18, 0 if wait else socket.MSG_DONTWAIT)
        except OSError:
            return None
        if not data:
            return None
        self._buffer += data
        return list(self._messages())

    def _messages(self) -> Iterator[Any]:
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                return
            yield self._decoder.decode(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
