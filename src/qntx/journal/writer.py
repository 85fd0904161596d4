"""The writing side of the journal: one per process, shared by all its threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from errno import EACCES, ENOMEM, EPERM, EROFS
from pathlib import Path
from typing import Any, TypeVar
from zlib import adler32

import msgspec
from ulid import ULID

from qntx.journal.background_threads import BackgroundThread
from qntx.journal.format import (
    COMMITTED_WORD,
    CONTINUED,
    ENDED,
    EVENT,
    FIRST_RECORD,
    HEAD,
    HINDRANCE_WORD,
    LINE,
    MEMORY_WORD,
    ORIGIN,
    PREFIX,
    RECORD_SIZE,
    RUN,
    SCOPE,
    STATE_WORD,
    line_records,
    segment_name,
)
from qntx.journal.format import record as format_record
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.large_record import LargeRecord, write_at
from qntx.journal.run_scope import Origin, Run, Scope
from qntx.journal.segment import Segment, private_folder, skip_unused
from qntx.journal.write_errors import largest_file, number_of, reason_of
from qntx.locks import holding

T = TypeVar("T")
#: A record that waits, and how many lines it stands for (none, one, or those that it calls lost).
Waiting = tuple[Scope, Origin | None, bytes, int]

FIRST_SEGMENT_BYTES = 256 << 10
#: While nothing can be written: how often to try again.
RETRY_S = 0.2
_pack_prefix = PREFIX.pack
_pack_head = HEAD.pack
PREFIX_SIZE = PREFIX.size
_time_ns = time.time_ns
_json = msgspec.json.Encoder(decimal_format="string").encode


def _record(kind: int, number: int, body: bytes) -> bytes:
    """A record that is not a line, of now."""
    return format_record(kind, number, body, _time_ns() // 1000)


def _lost_record(scope: Scope, lines: int, size: int, reason: str) -> bytes:
    """The event that says in their place that lines of *size* bytes are lost."""
    body = {"type": "lost", "lines": lines, "bytes": size, "reason": reason}
    return _record(EVENT, scope.number, _json(body))


def _fits_a_file(size: int) -> bool:
    """
    Whether a file of this process may hold a record of *size* bytes (``ulimit -f``).

    One that none may hold would wait for ever, and hold up everything behind it.
    """
    limit = largest_file()
    return limit is None or FIRST_RECORD + size <= limit


def _is_there(path: Path) -> bool:
    """As ``path.exists()``, which takes any ValueError for "no": also one thrown by a signal."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


class Journal:  # budget: one lock, one hot path written out, and its cold paths beside it
    """
    Appends records to this process's segments.

    A call returns when its record is published in the mapped file; from then on it outlives the
    process. While nothing can be written (the disk is full, or no longer ours) records wait in
    memory, in order, up to *memory_limit_bytes*; what does not fit is counted as lost, and logged
    in its place with the system's reason.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 8 << 20,
        memory_limit_bytes: int = 64 << 20,
        on_first_segment: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self._on_first_segment = on_first_segment
        self.producer = str(ULID())
        self._segment_bytes = segment_bytes
        self._memory_limit = memory_limit_bytes
        # Reentrant, with a flag: an append that interrupts one of its own thread must not wait
        # for itself, nor write into the middle of it.
        self._lock = threading.RLock()
        self._acquire = self._lock.acquire
        self._release = self._lock.release
        self._owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]
        self._busy = False
        #: Appends by code that interrupted an append of its own thread (a signal handler, a
        #: finaliser): done as soon as that one is.
        self._interrupted: deque[Waiting] = deque()
        #: What was published last by a cold path: an exception thrown by a signal handler may come
        #: before it is taken off the queue in which it waited.
        self._appended: bytes | None = None
        self._origins: dict[tuple[str, str | None], Origin] = {}
        self._memory: deque[Waiting] = deque()
        self._memory_bytes = 0
        #: By run and reason: how many lines are lost and not yet logged, and their bytes.
        self._lost: dict[tuple[Run, str], tuple[Scope, int, int]] = {}
        #: What kept the newest record from being written.
        self._hindrance: OSError | MemoryError | None = None
        #: Lines that are accepted but in no segment: in memory, or lost and not yet logged as such.
        self._waiting: dict[Run, int] = {}
        self._retrying = False
        self._retrying_thread = BackgroundThread("qntx-journal-retry", self._retry)
        self._closed = False
        self._index = 0
        self._next_size = min(FIRST_SEGMENT_BYTES, segment_bytes)
        self._segment: Segment | None = None
        self._view: Any = None
        self._head: Any = None
        self._pos = 0
        self._end = 0
        #: Runs, scopes and origins carry the epoch in which they were defined; each segment is one.
        self._epoch: object = object()

    def line(
        self,
        scope: Scope,
        level: int,
        origin: Origin,
        message: bytes,
        metadata: bytes = b"",
        flags: int = 0,
        kind: int = LINE,
    ) -> None:
        """
        Append one line; *message* is UTF-8 unless *flags* has RAW. Never waits for the disk.

        *level* lies between LEVEL_MIN and LEVEL_MAX. This is the hot path: measured with
        ``make bench``, every name that is looked up counts.
        """
        covered = (
            _pack_head(
                kind,
                flags,
                level,
                origin.number,
                scope.number,
                _time_ns() // 1000,
                len(message),
            )
            + message
        )
        if metadata:
            covered += metadata
        length = len(covered) + PREFIX_SIZE
        record = _pack_prefix(length, adler32(covered)) + covered
        try:
            self._acquire()
            if self._busy or self._interrupted:
                # This interrupts an append of the same thread (the lock is reentrant), or follows
                # one that did: it must not overtake.
                self._interrupted.append((scope, origin, record, int(kind == LINE)))
                self._release()
            else:
                # No call from here to the release: signal handlers run only after calls, so one
                # that logs finds everything in order, and its own line is published at once.
                self._busy = True
                start = self._pos
                end = start + length
                epoch = self._epoch
                if end <= self._end and scope.epoch is epoch and origin.epoch is epoch:
                    self._view[start:end] = record
                    self._pos = end
                    self._head[COMMITTED_WORD] = end
                    if kind == LINE:
                        scope.run.accepted += 1
                    self._busy = False
                    self._release()
                else:
                    self._append_slowly(scope, origin, record, int(kind == LINE))
        except BaseException:
            # Thrown in by a signal handler (Ctrl-C): leave no lock behind.
            if self._owned():
                self._busy = False
                self._release()
            raise
        if self._interrupted:
            self._resume_interrupted()

    def lines(
        self, scope: Scope, level: int, origin: Origin, messages: list[bytes], flags: int = 0
    ) -> None:
        """
        Append many lines without metadata, of one time: as :meth:`line` one by one, but faster.

        They are in memory several times meanwhile: the caller has them not be too many.
        """
        if not self._append_at_once(scope, level, origin, messages, flags):
            # A definition is missing, the segment is full, or nothing can be written at all.
            self.line(scope, level, origin, messages[0], b"", flags)
            rest = messages[1:]
            if not self._append_at_once(scope, level, origin, rest, flags):
                for message in rest:
                    self.line(scope, level, origin, message, b"", flags)

    def large_line(
        self,
        scope: Scope,
        level: int,
        origin: Origin,
        pieces: Callable[[], Iterable[bytes]],
        size: int,
        metadata: bytes = b"",
        flags: int = 0,
        kind: int = LINE,
    ) -> None:
        """
        As :meth:`line` where the message, of *size* bytes, is given in pieces (each time anew).

        It gets a segment of its own, and needs no memory but for a piece.
        """
        head = _pack_head(kind, flags, level, origin.number, scope.number, _time_ns() // 1000, size)
        record = LargeRecord(head, pieces, size, metadata)
        lines = int(kind == LINE)

        def append(ours: bool) -> None:
            if not ours or self._interrupted:
                self._interrupted.append((scope, origin, record.joined(), lines))
            elif self._memory or not self._write_large(scope, origin, record, lines):
                # One that is refused for good does not hold up those that still find room.
                if lines and (self._is_refused or not self._can_wait(record.length)):
                    self._lose(scope, record.size, lines)
                else:
                    self._append(scope, origin, record.joined(), lines)

        self._exclusively(append)

    def event(self, scope: Scope, kind: str, fields: dict[str, Any]) -> None:
        """Append an event of *scope*: a stage that begins, a job's end, and the like."""
        self._event(scope, _record(EVENT, scope.number, _json({"type": kind, **fields})))

    def lost(self, scope: Scope, lines: int, size: int, reason: str) -> None:
        """Say in their place that *lines* lines, of *size* bytes, could not be kept, and why."""
        self._event(scope, _lost_record(scope, lines, size, reason), lines)

    def _event(self, scope: Scope, record: bytes, lines: int = 0) -> None:

        def append(ours: bool) -> None:
            if ours and not self._interrupted:
                self._append(scope, None, record, lines)
            else:
                self._interrupted.append((scope, None, record, lines))

        self._exclusively(append)

    def origin(self, source: str, logger: str | None = None) -> Origin:
        """The interned origin of lines of *source* and *logger*."""
        key = (source, logger)
        return self._origins.get(key) or self._origins.setdefault(key, Origin(source, logger))

    def close(self, *, wait_s: float = 2.0) -> int:
        """
        End the journal; returns how many lines could not be written (0 nearly always).

        Where something is in the way it waits up to *wait_s* seconds for it to go.
        """
        deadline = time.monotonic() + wait_s
        while (self._memory or self._lost) and time.monotonic() < deadline:
            if self._exclusively(lambda _: self._flush_memory()):
                break
            time.sleep(0.05)
        return self._exclusively(lambda _: self._end_segment())

    def _end_segment(self) -> int:
        """Let go of the last segment; returns how many lines are in none."""
        left, last = sum(self._waiting.values()), self._segment
        # Where lines are left it is not in good order: the header holds how many are lost.
        if last is not None and not self._closed and not left:
            last.head[STATE_WORD] = ENDED
        self._let_go()
        if last is not None:
            last.release()
        return left

    @property
    def hindrance(self) -> str:
        """What kept the newest record from being written, where one was kept from it."""
        return "" if self._hindrance is None else reason_of(self._hindrance)

    @property
    def _is_refused(self) -> bool:
        """Whether what kept the newest record from being written will hardly go by itself."""
        return getattr(self._hindrance, "errno", None) in (EACCES, EPERM, EROFS)

    @property
    def closed(self) -> bool:
        """Whether it has ended, or belongs to the process that this one was forked from."""
        return self._closed

    def successor(self) -> Journal:
        """A new, empty journal with the settings of this one (for a forked child)."""
        return Journal(
            self.folder,
            segment_bytes=self._segment_bytes,
            memory_limit_bytes=self._memory_limit,
            on_first_segment=self._on_first_segment,
        )

    def forget(self) -> None:
        """In a forked child: let go of the parent's segment without touching what is in it."""
        segment = self._segment
        self._let_go()
        if segment is not None:
            segment.release()

    def _let_go(self) -> None:
        """Have no segment, and no room for anything, from now on."""
        self._closed = True
        self._segment = self._view = self._head = None
        self._pos = self._end = 0

    # -- below: cold paths, all with the lock held ------------------------------------------

    def _exclusively(self, work: Callable[[bool], T]) -> T:
        """Do *work* with the lock held; it gets False if it interrupts this thread's append."""
        result, ours = holding(self._lock, self._alone, work)
        if ours and self._interrupted:
            self._resume_interrupted()
        return result

    def _alone(self, work: Callable[[bool], T]) -> tuple[T, bool]:
        """What *work* returns, and whether it interrupts no append of this thread."""
        ours = not self._busy
        self._busy = True
        try:
            return work(ours), ours
        finally:
            if ours:
                self._busy = False

    def _append_slowly(self, scope: Scope, origin: Origin, record: bytes, lines: int) -> None:
        """The rest of :meth:`line` where something has to be defined, opened or remembered."""
        try:
            self._append(scope, origin, record, lines)
        finally:
            self._busy = False
            self._release()

    def _append_at_once(
        self, scope: Scope, level: int, origin: Origin, messages: list[bytes], flags: int
    ) -> bool:
        """Append lines to the segment if they fit, and it has the definitions that they need."""
        number = len(messages)
        data = line_records(messages, level, origin.number, scope.number, flags, _time_ns() // 1000)

        def append(ours: bool) -> bool:
            epoch, start = self._epoch, self._pos
            end = start + len(data)
            if not ours or self._interrupted or end > self._end:
                return False
            if scope.epoch is not epoch or origin.epoch is not epoch:
                return False
            self._view[start:end] = data
            self._pos = end
            self._head[COMMITTED_WORD] = end
            scope.run.accepted += number
            return True

        return self._exclusively(append)

    def _resume_interrupted(self) -> None:
        """Do the appends that had to wait for the one they interrupted, in their order."""

        def resume(ours: bool) -> None:
            while ours and self._interrupted:
                scope, origin, record, lines = self._interrupted[0]
                if self._appended is not record:
                    self._append(scope, origin, record, lines)
                self._interrupted.popleft()

        self._exclusively(resume)

    def _append(self, scope: Scope, origin: Origin | None, record: bytes, lines: int) -> None:
        """Append *record* wherever there is room: the segment, the next one, memory."""
        if not self._memory and self._write(scope, origin, record, lines):
            return
        if lines and not self._can_wait(len(record)):
            self._lose(scope, len(record) - RECORD_SIZE, lines)
            return
        # Nothing may overtake what waits: the rest of the segment stays empty.
        self._end = self._pos
        self._memory.append((scope, origin, record, lines))
        self._memory_bytes += len(record)
        self._count_waiting(scope.run, lines)

    def _count_waiting(self, run: Run, lines: int) -> None:
        """Lines are accepted that are in no segment: somebody sees to it that they get there."""
        if lines:
            self._waiting[run] = self._waiting.get(run, 0) + lines
        run.accepted += lines
        self._publish_memory()
        if not self._retrying:
            self._retrying = True
            try:
                self._retrying_thread.start()
            except (RuntimeError, MemoryError) as error:
                self._retrying = False  # no room for a thread: the next append tries again
                reraise_from_signal(error)

    def _can_wait(self, size: int) -> bool:
        """Whether a record of *size* bytes may wait in memory until it can be written."""
        return _fits_a_file(size) and self._memory_bytes + size <= self._memory_limit

    def _lose(self, scope: Scope, size: int, lines: int) -> None:
        """Say that lines are lost: in their place if that can be written, or else later."""
        event = _lost_record(scope, lines, size, self.hindrance)
        if self._memory or not self._write(scope, None, event, lines):
            self._end = self._pos
            self._note_lost(scope, size, lines)
            self._count_waiting(scope.run, lines)

    def _note_lost(self, scope: Scope, size: int, lines: int) -> None:
        key = (scope.run, self.hindrance)
        _, before, bytes_before = self._lost.get(key, (scope, 0, 0))
        self._lost[key] = (scope, before + lines, bytes_before + size)

    def _write(self, scope: Scope, origin: Origin | None, record: bytes, counts: int = 0) -> bool:
        """
        Publish *record*, with the definitions it needs; False when it cannot be written.

        *counts*: how many lines it stands for that have not been counted as accepted yet.
        """
        definitions = self._definitions(scope, origin)
        if self._pos + sum(map(len, definitions)) + len(record) > self._end:
            definitions = self._definitions(scope, origin, again=True)
            if not self._open(sum(map(len, definitions)) + len(record)):
                return False
        data = b"".join((*definitions, record))
        end = self._pos + len(data)
        self._view[self._pos : end] = data
        self._pos = end
        self._head[COMMITTED_WORD] = end
        self._appended = record if self._interrupted or self._memory else None
        scope.run.accepted += counts
        scope.run.epoch = scope.epoch = self._epoch
        if origin is not None:
            origin.epoch = self._epoch
        return True

    def _write_large(self, scope: Scope, origin: Origin, record: LargeRecord, counts: int) -> bool:
        """Publish *record* in a segment of its own; False when it cannot be written."""
        definitions = b"".join(self._definitions(scope, origin, again=True))

        def fill(fd: int) -> None:
            record.write(fd, write_at(fd, definitions, FIRST_RECORD))

        if not self._open(len(definitions) + record.length, fill):
            return False
        scope.run.accepted += counts
        scope.run.epoch = scope.epoch = origin.epoch = self._epoch
        return True

    def _definitions(
        self, scope: Scope, origin: Origin | None, *, again: bool = False
    ) -> list[bytes]:
        """The definitions that the current segment lacks (*again*: all that a new one needs)."""
        epoch = object() if again else self._epoch
        records = []
        if scope.run.epoch is not epoch:
            waiting = self._waiting.get(scope.run, 0)
            records.append(_record(RUN, 0, _json(scope.run.definition(waiting))))
        if scope.epoch is not epoch:
            records.append(_record(SCOPE, scope.number, _json(scope.definition())))
        if origin is not None and origin.epoch is not epoch:
            records.append(_record(ORIGIN, 0, _json(origin.definition())))
        return records

    def _open(self, need: int, fill: Callable[[int], None] | None = None) -> bool:
        """
        Open the next segment, with room for *need* bytes; False when that cannot be.

        *fill* writes all that it will hold into its descriptor.
        """
        need += FIRST_RECORD
        size = need if fill is not None else max(self._next_size, need)
        limit = largest_file()
        if limit is not None and size > limit:
            size = max(need, limit)  # smaller ones rather than none
        try:
            try:
                fresh = self._fresh_segment(size, fill)
            except OSError as error:
                if error.errno != ENOMEM or size == need:
                    raise
                size = max(need, min(size, FIRST_SEGMENT_BYTES))
                fresh = self._fresh_segment(size, fill)
        except (OSError, MemoryError) as error:
            reraise_from_signal(error)
            # Whatever it is (full, read-only, too many files): the records wait in memory.
            self._hindrance = error.with_traceback(None)
            return False
        epoch, full = object(), self._segment
        # No call until all is changed: an exception thrown by a signal handler finds the journal
        # in the full segment or in the fresh one, never between the two.
        if full is not None:
            full.head[STATE_WORD] = CONTINUED
        self._segment, self._end = fresh, size
        self._pos = FIRST_RECORD if fill is None else size
        self._view, self._head, self._epoch = fresh.view, fresh.head, epoch
        self._index += 1
        if fill is None:
            self._next_size = self._segment_bytes
        if full is not None:
            full.release()
        if self._index == 1 and self._on_first_segment is not None:
            self._on_first_segment()
        return True

    def _fresh_segment(self, size: int, fill: Callable[[int], None] | None) -> Segment:
        """Make the file of the next segment; raises OSError or MemoryError."""
        private_folder(self.folder)
        path = self.folder / segment_name(self.producer, self._index)
        while _is_there(path):
            # Made, but an exception thrown by a signal handler came before we knew of it.
            skip_unused(path)
            self._index += 1
            path = self.folder / segment_name(self.producer, self._index)
        return Segment(path, size, fill)

    def _publish_memory(self) -> None:
        """Note in the segment's header how much would be lost if the process died now, and why."""
        if self._segment is not None:
            self._head[MEMORY_WORD] = sum(self._waiting.values())
            if self._hindrance is not None:
                self._head[HINDRANCE_WORD] = number_of(self._hindrance)

    def _retry(self, stop: threading.Event) -> None:
        def retry(_: bool) -> bool:
            self._retrying = not (self._closed or self._flush_memory())
            return not self._retrying

        over = False
        while not over:
            over = stop.wait(RETRY_S)
            if self._exclusively(retry):
                return

    def _flush_memory(self) -> bool:
        """Write what waits in memory, and what was lost meanwhile; True when all is written."""
        while self._memory:
            scope, origin, record, lines = self._memory[0]
            if self._appended is record or self._write(scope, origin, record):
                if lines:
                    self._waiting[scope.run] -= lines
            elif lines and not _fits_a_file(len(record)):
                self._note_lost(scope, len(record) - RECORD_SIZE, lines)
            else:
                return False
            self._memory.popleft()
            self._memory_bytes -= len(record)
        for (run, reason), (scope, lines, size) in list(self._lost.items()):
            if not self._write(scope, None, _lost_record(scope, lines, size, reason)):
                return False
            del self._lost[run, reason]
            self._waiting[run] -= lines
        self._waiting.clear()
        self._publish_memory()
        return True
