"""The reading side of the journal: segments of other processes, record by record."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import adler32

from qntx.journal.format import (
    COMMITTED_WORD,
    FIRST_RECORD,
    HINDRANCE_WORD,
    MAGIC,
    MAGIC_WORD,
    MEMORY_WORD,
    RECORD,
    RECORD_SIZE,
    STATE_WORD,
)

#: How many bytes are looked at in one go, unless one record alone is larger. What is made of them
#: should fit the processor's cache: with 4 MiB a line costs the indexer 1.4 times as much.
SCAN_CHUNK_BYTES = 1 << 19


class Record(NamedTuple):
    """One record as it stands in a segment."""

    kind: int
    flags: int
    level: int
    origin: int
    scope: int
    at_us: int
    message: bytes
    metadata: bytes
    intact: bool


#: The fields of a `Record`, not yet made one: lines are too many for it.
RawRecord = tuple[int, int, int, int, int, int, bytes, bytes, bool]

_NO_RECORD: RawRecord = (0, 0, 0, 0, 0, 0, b"", b"", False)


class SegmentReader:
    """A segment that some process writes, or wrote before it died."""

    def __init__(self, path: Path) -> None:
        """Map the file *path*; raises OSError when it is gone, ValueError when it is empty."""
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(self._fd, 0, prot=mmap.PROT_READ)
        except (OSError, ValueError):
            os.close(self._fd)
            raise
        self._view = memoryview(self._map)
        self._head = self._view[:FIRST_RECORD].cast("Q")

    @property
    def usable(self) -> bool:
        """Whether its writer got as far as to finish the header."""
        return self._head[MAGIC_WORD] == MAGIC

    @property
    def committed(self) -> int:
        """The end of the last published record."""
        return min(self._head[COMMITTED_WORD], len(self._view))

    @property
    def state(self) -> int:
        """OPEN, CONTINUED or ENDED."""
        return self._head[STATE_WORD]

    @property
    def in_memory(self) -> int:
        """Records that waited in the writer's memory when it last looked."""
        return self._head[MEMORY_WORD]

    @property
    def hindrance(self) -> int:
        """The error number that says why they could not be written; 0: it was not noted."""
        return self._head[HINDRANCE_WORD]

    def writer_is_dead(self) -> bool:
        """Whether the process that wrote this segment is gone (its lock on the file is free)."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return True

    def sync(self) -> None:
        """Have the operating system write the segment to the disk."""
        os.fdatasync(self._fd)

    def records(self, start: int, end: int) -> Iterator[tuple[int, Record]]:
        """The records from *start* up to *end*, each with the position after it."""
        while start < end:
            stop, found = self.scan(start, end)
            for values in found:
                record = Record(*values)
                start += RECORD_SIZE + len(record.message) + len(record.metadata)
                yield (start if record.intact else min(start, stop)), record
            start = stop

    def scan(self, start: int, end: int) -> tuple[int, list[RawRecord]]:
        """
        Some of the records from *start* up to *end*, and the position after them.

        What cannot be a record is one that is not intact, and the rest up to *end* is given up.
        """
        chunk = self._view[start : min(end, start + SCAN_CHUNK_BYTES)].tobytes()
        found, used = _scan(chunk)
        if used == 0 and end - start > len(chunk) >= RECORD_SIZE:
            # One record larger than a chunk (or cut short by damage).
            total = RECORD.unpack_from(chunk)[0]
            if RECORD_SIZE <= total <= end - start:
                found, used = _scan(self._view[start : start + total].tobytes())
        if used == 0:
            return end, [*found, _NO_RECORD]
        return start + used, found

    def close(self) -> None:
        """Let go of the file."""
        self._head.release()
        self._view.release()
        self._map.close()
        os.close(self._fd)


def remove_uncommitted(path: Path) -> None:
    """Remove a segment that a process left half made when it died; its pid is in the name."""
    maker = path.stem.rpartition(".")[2]
    try:
        os.kill(int(maker), 0)
    except (ProcessLookupError, ValueError):
        path.unlink(missing_ok=True)
    except PermissionError:
        pass  # it lives, and belongs to somebody else


def _scan(chunk: bytes) -> tuple[list[RawRecord], int]:
    """The whole records that *chunk* begins with, and how many bytes they take."""
    # The indexer spends much of its time here: everything is written out.
    unpack, size_of = RECORD.unpack_from, len(chunk)
    found: list[RawRecord] = []
    add = found.append
    at = 0
    while at + RECORD_SIZE <= size_of:
        total, check, kind, flags, level, origin, scope, at_us, size = unpack(chunk, at)
        end = at + total
        if total < RECORD_SIZE or end > size_of:
            break
        intact = adler32(chunk[at + 8 : end]) == check
        begin = at + RECORD_SIZE
        split = begin + size
        if split == end:
            add((kind, flags, level, origin, scope, at_us, chunk[begin:end], b"", intact))
        else:
            body, more = chunk[begin:split], chunk[split:end]
            add((kind, flags, level, origin, scope, at_us, body, more, intact))
        at = end
    return found, at
