"""
The bytes of a journal: a segment's header, a record's header, and the kinds of records.

A segment is a preallocated file that one process maps and appends to:

    0   magic       8 bytes, written last: a file without it was never used
    8   committed   u64, end of the last complete record; the one store that publishes it
    16  state       u64, OPEN, CONTINUED (the next segment goes on) or ENDED
    24  pid         u64
    32  in memory   u64, lines that wait in the process's memory because they cannot be written
    40  hindrance   u64, the error number of the system that says why
    48  reserved
    64  records

A record is a 32-byte header, the message and the metadata:

    u32 length of all · u32 checksum · u8 kind · u8 flags · i16 level · u32 origin · u32 scope ·
    i64 time in UTC microseconds · u32 length of the message

The checksum (Adler-32) covers everything behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from zlib import adler32

MAGIC = int.from_bytes(b"QNTXJ01\n", "little")
MAGIC_WORD, COMMITTED_WORD, STATE_WORD, PID_WORD, MEMORY_WORD, HINDRANCE_WORD = range(6)
FIRST_RECORD = 64
OPEN, CONTINUED, ENDED = 0, 1, 2

RECORD = struct.Struct("<IIBBhIIqI")
RECORD_SIZE = RECORD.size
#: A record's header in two parts: what the checksum does not cover, and what it does.
PREFIX = struct.Struct("<II")
HEAD = struct.Struct("<BBhIIqI")

#: Kinds of records.
LINE, PART, SCOPE, ORIGIN, RUN, EVENT = 1, 2, 3, 4, 5, 6

#: Flags of a line.
RAW = 1  #: the message is not valid UTF-8 (or holds lone surrogates); it is kept as bytes
NO_NEWLINE = 2  #: a line of a stream that ended without a newline
UNATTRIBUTED = 4  #: nobody can know which stage or task it belongs to
CLOSES_PART = 8  #: completes the parts written before under the part number in the metadata

REDACTED = 32  #: something secret was replaced by a marker
BODY_APART = 16  #: the message is in log_bodies, the row holds its beginning (set by the indexer)

LEVEL_MIN, LEVEL_MAX = -32768, 32767

SEGMENT_SUFFIX = ".seg"
#: A segment that is being made; left behind only by a process that died in the middle of it.
UNCOMMITTED_SUFFIX = ".new"


def record(kind: int, scope: int, body: bytes, at_us: int) -> bytes:
    """A whole record that is not a line."""
    covered = HEAD.pack(kind, 0, 0, 0, scope, at_us, len(body)) + body
    return PREFIX.pack(PREFIX.size + len(covered), adler32(covered)) + covered


def line_records(
    messages: Iterable[bytes], level: int, origin: int, scope: int, flags: int, at_us: int
) -> bytes:
    """The records of many lines without metadata that differ in nothing but their message."""
    # A third of the time that they take one by one: a head is made for each length, and the
    # checksum of a line goes on from that of its head.
    heads: dict[int, tuple[bytes, bytes, int]] = {}
    parts: list[bytes] = []
    add = parts.extend
    for message in messages:
        try:
            length, head, check = heads[len(message)]
        except KeyError:
            head = HEAD.pack(LINE, flags, level, origin, scope, at_us, len(message))
            length = (PREFIX.size + len(head) + len(message)).to_bytes(4, "little")
            check = adler32(head)
            heads[len(message)] = length, head, check
        add((length, adler32(message, check).to_bytes(4, "little"), head, message))
    return b"".join(parts)


def segment_name(producer: str, index: int) -> str:
    """The file name of the *index*-th segment of *producer*."""
    return f"{producer}.{index:08d}{SEGMENT_SUFFIX}"


def is_text(data: bytes) -> bool:
    """Whether *data* is valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class SegmentName(NamedTuple):
    """What a segment's file name holds."""

    producer: str
    number: int

    @classmethod
    def parse(cls, path: Path | str) -> SegmentName | None:
        """The parts of a segment's file name, or None for any other file."""
        name = Path(path).name
        if not name.endswith(SEGMENT_SUFFIX):
            return None
        producer, _, index = name[: -len(SEGMENT_SUFFIX)].rpartition(".")
        return cls(producer, int(index)) if producer and index.isdigit() else None
