"""One journal as the indexer follows it: its segments in order, and what its numbers stand for."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qntx.journal.format import (
    CONTINUED,
    ENDED,
    FIRST_RECORD,
    LINE,
    OPEN,
    ORIGIN,
    RUN,
    SCOPE,
    segment_name,
)
from qntx.journal.reader import RawRecord, Record, SegmentReader
from qntx.storage.interfaces.log_rows import ContextState, Offset, RunState

#: Kinds of records that say what numbers stand for.
DEFINITIONS = (RUN, SCOPE, ORIGIN)


class RunMark(msgspec.Struct):
    """What a run's number stands for; *accepted*: its lines in this journal before this place."""

    id: int
    job_id: str
    attempt: int
    accepted: int


class ScopeMark(msgspec.Struct):
    """What a scope's number stands for."""

    id: int
    run: int
    stage: str | None
    task: str | None


class OriginMark(msgspec.Struct):
    """What an origin's number stands for."""

    id: int
    source: str
    logger: str | None


class Part(msgspec.Struct):
    """A piece of a stream's output that has no newline yet."""

    number: int
    context: ContextState
    origin_key: int
    at_us: int
    level: int
    flags: int
    body: bytes
    #: Of a progress bar: frames that came before this one.
    frames: int = 0
    stored: bool = False


class Producer:
    """Reads one process's journal, strictly in order, and resolves the numbers in it."""

    def __init__(self, folder: Path, name: str, first: int, stored: Offset | None = None) -> None:
        """*first*: the first segment that is there; *stored*: up to where it is in the store."""
        self.name = name
        self.stored = stored
        self.segment, position = stored or (first, 0)
        self.position = position or FIRST_RECORD
        self.run_marks: dict[int, RunMark] = {}
        #: The attempts behind them: job id and number.
        self.attempts: set[tuple[str, int]] = set()
        self.scope_marks: dict[int, ScopeMark] = {}
        self.origin_marks: dict[int, OriginMark] = {}
        self.contexts: dict[int, ContextState] = {}
        self.origins: dict[int, int] = {}
        self.runs: dict[int, RunState] = {}
        #: Lines of each run that were seen, or are known to be lost; the writer's own count
        #: must agree with it.
        self.counted: dict[int, int] = {}
        #: Runs whose count did not agree, with the number of lines that are missing.
        self.missing: list[tuple[int, int]] = []
        self.parts: dict[int, list[Part]] = {}
        #: The newest time seen; order within a producer never follows a clock backwards.
        self.newest_us = 0
        #: Segments that are read to their end; they go when what they held is stored.
        self.finished: list[tuple[Path, SegmentReader | None]] = []
        self.over = False
        #: Definitions that could not be read.
        self.undecodable = 0
        self._folder = folder
        self._reader: SegmentReader | None = None

    def has_news(self) -> bool:
        """Whether there is anything to read; costs one load of a word."""
        reader = self._reader
        if reader is None:
            return not self.over and self._open()
        return reader.committed > self.position or reader.state != OPEN

    def chunk(self) -> list[RawRecord] | None:
        """Some of the records not seen yet, in order, over all segments; None: no more now."""
        while not self.over and (self._reader is not None or self._open()):
            reader = self._reader
            assert reader is not None
            state = reader.state  # before the end: what precedes a change of state counts
            end = reader.committed
            if self.position < end:
                self.position, found = reader.scan(self.position, end)
                return found
            if state == OPEN:
                return None
            self._leave()
            if state == CONTINUED:
                self.segment += 1
                self.position = FIRST_RECORD
            elif state == ENDED:
                self.over = True
        return None

    def is_dead(self) -> bool:
        """Whether the writing process is gone and everything it published has been read."""
        reader = self._reader
        if reader is None:
            return not self.over and not self._path().exists()
        # The state last: a segment that was sealed meanwhile is no death.
        return (
            reader.writer_is_dead() and reader.committed <= self.position and reader.state == OPEN
        )

    @property
    def in_memory(self) -> tuple[int, int]:
        """Records that are lost if the writer is dead, and the error that kept them from here."""
        reader = self._reader
        return (reader.in_memory, reader.hindrance) if reader is not None else (0, 0)

    def scope_mark(self, scope: int) -> ScopeMark | None:
        """
        What a scope's number stands for.

        Where its definition is damaged: the run that was defined last; None if there is none.
        """
        mark = self.scope_marks.get(scope)
        if mark is None and self.run_marks:
            mark = self.scope_marks[scope] = ScopeMark(scope, max(self.run_marks), None, None)
        return mark

    def count(self, lines: dict[int, int]) -> None:
        """Add to the runs' counts: lines by scope; *lines* is empty afterwards."""
        for scope, number in lines.items():
            mark = self.scope_mark(scope)
            if mark is not None:
                self.counted[mark.run] = self.counted.get(mark.run, 0) + number
        lines.clear()

    def check_count(self, run: int, accepted: int) -> None:
        """Compare the writer's count of a run's lines with what was seen here."""
        counted = self.counted.get(run)
        if counted is not None and accepted > counted:
            self.missing.append((run, accepted - counted))
        self.counted[run] = max(accepted, counted or 0)

    @property
    def offset(self) -> Offset:
        """Up to where it is read."""
        return Offset(self.segment, self.position)

    def sync(self) -> None:
        """Have the disk hold what is published but not yet in the store."""
        if self._reader is not None:
            self._reader.sync()

    def retire(self) -> None:
        """The writer is dead and everything is read: the file may go once that is stored."""
        self._leave()
        self.over = True

    def close(self) -> None:
        """Let go of the files."""
        for _, reader in self.finished:
            if reader is not None:
                reader.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def define(self, record: Record) -> None:
        """Note what a number stands for from here on; lines before it must be counted."""
        try:
            self._decode(record)
        except msgspec.DecodeError:
            # Lines that refer to it go to the run itself; see scope_mark.
            self.undecodable += 1

    def _decode(self, record: Record) -> None:
        data = bytes(record.message)
        if record.kind == RUN:
            run = msgspec.json.decode(data, type=RunMark)
            self.run_marks[run.id] = run
            self.attempts.add((run.job_id, run.attempt))
            self.check_count(run.id, run.accepted)
        elif record.kind == SCOPE:
            scope = msgspec.json.decode(data, type=ScopeMark)
            self.scope_marks[scope.id] = scope
        else:
            origin = msgspec.json.decode(data, type=OriginMark)
            self.origin_marks[origin.id] = origin

    def _path(self) -> Path:
        return self._folder / segment_name(self.name, self.segment)

    def _open(self) -> bool:
        """Open the current segment if it is there; definitions before the position are replayed."""
        try:
            reader = SegmentReader(self._path())
        except OSError:
            return False
        except ValueError:
            # Empty: its writer died between making it and giving it a size.
            self.finished.append((self._path(), None))
            self.over = True
            return False
        if not reader.usable:
            # A segment gets its name when its header is complete: this is no segment of ours.
            self.finished.append((self._path(), None))
            self.over = True
            reader.close()
            return False
        for _, record in reader.records(FIRST_RECORD, self.position):
            if record.kind in DEFINITIONS and record.intact:
                self.define(record)
            elif record.kind == LINE and record.intact:
                self.count({record.scope: 1})
        self._reader = reader
        return True

    def _leave(self) -> None:
        self.finished.append((self._path(), self._reader))
        self._reader = None
