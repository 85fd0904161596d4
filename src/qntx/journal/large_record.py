"""The record of a line that is too large to be copied around: it is written piece by piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple
from zlib import adler32

from qntx.journal.format import PREFIX, RECORD_SIZE

#: A record with more than so many bytes of message and metadata gets a segment of its own.
LARGE = 2 << 20
#: How much is copied at once.
PIECE = 1 << 18


class LargeRecord(NamedTuple):
    """A record whose message exists in pieces only."""

    #: What stands in its header behind the checksum: see `qntx.journal.format`.
    head: bytes
    #: Gives the pieces of the message, in order, each time anew.
    pieces: Callable[[], Iterable[bytes]]
    #: Of the message, in bytes.
    size: int
    metadata: bytes

    @property
    def length(self) -> int:
        """Of the whole record, in bytes."""
        return RECORD_SIZE + self.size + len(self.metadata)

    def write(self, fd: int, at: int) -> None:
        """Write it into a file, from the position *at* on; raises OSError."""
        check, position = adler32(self.head), at + RECORD_SIZE
        for piece in chain(self.pieces(), (self.metadata,)):
            check = adler32(piece, check)
            position = write_at(fd, piece, position)
        write_at(fd, PREFIX.pack(self.length, check) + self.head, at)

    def joined(self) -> bytes:
        """It as one piece, for where it has to wait; raises MemoryError."""
        body = b"".join((self.head, *self.pieces(), self.metadata))
        return PREFIX.pack(PREFIX.size + len(body), adler32(body)) + body


def write_at(fd: int, data: bytes, position: int) -> int:
    """Write all of *data* at *position*; returns the position behind it. Raises OSError."""
    with memoryview(data).cast("B") as rest:
        done = 0
        while done < len(rest):
            done += os.pwrite(fd, rest[done : done + PIECE], position + done)
    return position + done
