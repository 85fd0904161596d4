"""What goes through a `LogWriter`: attempts and their contexts while they are counted, and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SEQ_BITS = 32
SEQ_MASK = (1 << SEQ_BITS) - 1
#: The fields of an event, as the journal has them.
EventFields = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class RunState:
    """One attempt, by its key in the store."""

    run_key: int
    job_id: str
    attempt: int
    #: Sequence number of the newest line: the store's, and then those of this round.
    seq: int = 0
    redactions: int = 0
    lost: int = 0
    first_error_seq: int | None = None
    ended: bool = False
    #: Nothing of it was in the store when it was first met: whatever is known of it is here.
    fresh: bool = False
    #: Sequence number of the newest line that the store has.
    stored: int = field(init=False)
    #: The id of a line is this, or-ed with its sequence number.
    base: int = field(init=False)
    #: Its stages and tasks that were seen, by name.
    contexts: dict[tuple[str | None, str | None], ContextState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored = self.seq
        self.base = self.run_key << SEQ_BITS


@dataclass(slots=True, eq=False)
class ContextState:
    """One stage or task of an attempt (or the attempt itself), with what this round adds."""

    run: RunState
    #: 0 until it has a place in the store: see `LogWriter.place`.
    context_key: int
    stage: str | None
    task_id: str | None
    #: Lines of this round by level.
    counts: dict[int, int] = field(default_factory=dict)
    first_id: int = 0
    last_id: int = 0
    first_ts: int = 0
    last_ts: int = 0


class LineRow(NamedTuple):
    """
    A line with its number, as the store keeps it.

    Plain tuples of this shape do as well: there are thousands in a round.
    """

    id: int
    context_key: int
    origin_key: int
    #: UTC microseconds.
    ts: int
    level: int
    #: Those of `qntx.journal.format`.
    flags: int
    #: Bytes where it is no text (RAW), and of a large line in any case.
    message: str | bytes
    #: JSON.
    metadata: str | None


class ContextCounts(NamedTuple):
    """What a round adds to a context that got lines."""

    lines: int
    first_id: int
    last_id: int
    first_ts: int
    last_ts: int
    max_level: int
    debug: int
    info: int
    warn: int
    error: int
    critical: int
    context_key: int


class RunCounts(NamedTuple):
    """What a round adds to an attempt: the number of its newest line, *before* and now."""

    seq: int
    lost: int
    redactions: int
    first_error_seq: int | None
    debug: int
    info: int
    warn: int
    error: int
    critical: int
    run_key: int
    before: int


class Place(NamedTuple):
    """A context by name."""

    job_id: str
    attempt: int
    stage: str | None
    task_id: str | None


class PartRow(NamedTuple):
    """A piece of a line that has no newline yet; *part* and *number*: which line, which piece."""

    producer: str
    part: int
    number: int
    context_key: int
    origin_key: int
    ts: int
    level: int
    flags: int
    body: bytes
    #: Of a progress bar: frames that came before this one, and are not kept.
    frames: int = 0


#: States of a spool. STORED: all of it is in the store, and its file may go. DETACHED: its run is
#: over and somebody may still write to it. IDLE: nothing was written to it, it waits for a run.
SPOOL_STORED, SPOOL_DETACHED, SPOOL_IDLE = 1, 2, 4


class SpoolRow(NamedTuple):
    """A file of raw output: up to which byte it is in the store, and to whom its lines belong."""

    #: The file's name in the folder of spools; a whole path from programs before version 10.
    path: str
    context_key: int
    origin_key: int
    position: int
    level: int
    flags: int
    directives: bool
    keep: bool
    redact: bool
    #: What it is called in words: "stdout of make".
    stream: str = ""
    state: int = 0
    #: How many of the places where output is missing were told, and how many lines of them.
    lost_places: int = 0
    lost_lines: int = 0
    #: Frames of the unfinished line that came before *position*.
    frames: int = 0


class Offset(NamedTuple):
    """Up to where a journal is in the store: a number of a segment, and a byte in it."""

    segment: int
    position: int


class OffsetMove(NamedTuple):
    """A journal was read on: from what the store has of it (None: nothing) up to *after*."""

    producer: str
    before: Offset | None
    after: Offset
