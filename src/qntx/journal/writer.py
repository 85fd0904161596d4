"""The writing side of the journal: one per process, shared by all its threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
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
    LINE,
    MEMORY_WORD,
    ORIGIN,
    PREFIX,
    RECORD_SIZE,
    RUN,
    SCOPE,
    STATE_WORD,
    segment_name,
)
from qntx.journal.format import record as format_record
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Origin, Run, Scope
from qntx.journal.segment import Segment, private_folder, skip_unused
from qntx.locks import holding

T = TypeVar("T")

FIRST_SEGMENT_BYTES = 256 << 10
#: While the disk is full: how often to look whether there is room again.
FULL_DISK_RETRY_S = 0.2
_pack_prefix = PREFIX.pack
_pack_head = HEAD.pack
PREFIX_SIZE = PREFIX.size
_time_ns = time.time_ns
_json = msgspec.json.Encoder(decimal_format="string").encode


def _record(kind: int, number: int, body: bytes) -> bytes:
    """A record that is not a line, of now."""
    return format_record(kind, number, body, _time_ns() // 1000)


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
    process. On a full disk records wait in memory, in order, up to *memory_limit_bytes*; what
    does not fit is counted, and logged, as lost.
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
        self._interrupted: deque[tuple[Scope, Origin | None, bytes, bool]] = deque()
        #: What was published last by a cold path: an exception thrown by a signal handler may come
        #: before it is taken off the queue in which it waited.
        self._appended: bytes | None = None
        self._origins: dict[tuple[str, str | None], Origin] = {}
        self._memory: deque[tuple[Scope, Origin | None, bytes, bool]] = deque()
        self._memory_bytes = 0
        self._lost: dict[Run, tuple[Scope, int, int]] = {}
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
                self._interrupted.append((scope, origin, record, kind == LINE))
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
                    self._append_slowly(scope, origin, record, kind == LINE)
        except BaseException:
            # Thrown in by a signal handler (Ctrl-C): leave no lock behind.
            if self._owned():
                self._busy = False
                self._release()
            raise
        if self._interrupted:
            self._resume_interrupted()

    def event(self, scope: Scope, kind: str, fields: dict[str, Any]) -> None:
        """Append an event of *scope*: a stage that begins, a job's end, and the like."""
        self._event(scope, _record(EVENT, scope.number, _json({"type": kind, **fields})))

    def _event(self, scope: Scope, record: bytes) -> None:

        def append(ours: bool) -> None:
            if ours and not self._interrupted:
                self._append(scope, None, record, False)
            else:
                self._interrupted.append((scope, None, record, False))

        self._exclusively(append)

    def origin(self, source: str, logger: str | None = None) -> Origin:
        """The interned origin of lines of *source* and *logger*."""
        key = (source, logger)
        return self._origins.get(key) or self._origins.setdefault(key, Origin(source, logger))

    def close(self, *, wait_s: float = 2.0) -> int:
        """
        End the journal; returns how many lines could not be kept (0 unless the disk is full).

        On a full disk it waits up to *wait_s* seconds for room.
        """
        deadline = time.monotonic() + wait_s
        while self._memory and time.monotonic() < deadline:
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

    def _append_slowly(self, scope: Scope, origin: Origin, record: bytes, is_line: bool) -> None:
        """The rest of :meth:`line` where something has to be defined, opened or remembered."""
        try:
            self._append(scope, origin, record, is_line)
        finally:
            self._busy = False
            self._release()

    def _resume_interrupted(self) -> None:
        """Do the appends that had to wait for the one they interrupted, in their order."""

        def resume(ours: bool) -> None:
            while ours and self._interrupted:
                scope, origin, record, is_line = self._interrupted[0]
                if self._appended is not record:
                    self._append(scope, origin, record, is_line)
                self._interrupted.popleft()

        self._exclusively(resume)

    def _append(self, scope: Scope, origin: Origin | None, record: bytes, droppable: bool) -> None:
        """Append *record* wherever there is room: the segment, the next one, memory."""
        if not self._memory and self._write(scope, origin, record, counts=droppable):
            return
        # Nothing may overtake what waits: the rest of the segment stays empty.
        self._end = self._pos
        if droppable:
            self._waiting[scope.run] = self._waiting.get(scope.run, 0) + 1
        if droppable and self._memory_bytes + len(record) > self._memory_limit:
            _, lines, size = self._lost.get(scope.run, (scope, 0, 0))
            self._lost[scope.run] = (scope, lines + 1, size + len(record) - RECORD_SIZE)
        else:
            self._memory.append((scope, origin, record, droppable))
            self._memory_bytes += len(record)
        scope.run.accepted += droppable
        self._publish_memory()
        if not self._retrying:
            self._retrying = True
            self._retrying_thread.start()

    def _write(
        self, scope: Scope, origin: Origin | None, record: bytes, *, counts: bool = False
    ) -> bool:
        """
        Publish *record*, with the definitions it needs; False when there is no room on disk.

        *counts* says whether it is a line that has not been counted as accepted yet.
        """
        definitions = self._definitions(scope, origin)
        if self._pos + sum(map(len, definitions)) + len(record) > self._end:
            everything = self._definitions(scope, origin, again=True)
            if not self._open(sum(map(len, everything)) + len(record)):
                return False
            definitions = everything
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

    def _open(self, need: int) -> bool:
        """Open the next segment, with room for *need* bytes; False when there is none on disk."""
        size = max(self._next_size, FIRST_RECORD + need)
        try:
            private_folder(self.folder)
            path = self.folder / segment_name(self.producer, self._index)
            while _is_there(path):
                # Made, but an exception thrown by a signal handler came before we knew of it.
                skip_unused(path)
                self._index += 1
                path = self.folder / segment_name(self.producer, self._index)
            fresh = Segment(path, size)
        except (OSError, MemoryError) as error:
            reraise_from_signal(error)
            # Whatever it is (full, read-only, too many files): the records wait in memory.
            return False
        epoch, full = object(), self._segment
        # No call until all is changed: an exception thrown by a signal handler finds the journal
        # in the full segment or in the fresh one, never between the two.
        if full is not None:
            full.head[STATE_WORD] = CONTINUED
        self._segment, self._pos, self._end = fresh, FIRST_RECORD, size
        self._view, self._head, self._epoch = fresh.view, fresh.head, epoch
        self._index += 1
        self._next_size = self._segment_bytes
        if full is not None:
            full.release()
        if self._index == 1 and self._on_first_segment is not None:
            self._on_first_segment()
        return True

    def _publish_memory(self) -> None:
        """Note in the segment's header how much would be lost if the process died now."""
        if self._segment is not None:
            self._head[MEMORY_WORD] = sum(self._waiting.values())

    def _retry(self, stop: threading.Event) -> None:
        def retry(_: bool) -> bool:
            self._retrying = not (self._closed or self._flush_memory())
            return not self._retrying

        over = False
        while not over:
            over = stop.wait(FULL_DISK_RETRY_S)
            if self._exclusively(retry):
                return

    def _flush_memory(self) -> bool:
        """Write what waits in memory, and what was lost meanwhile; True when all is written."""
        while self._memory:
            scope, origin, record, is_line = self._memory[0]
            if self._appended is not record and not self._write(scope, origin, record):
                return False
            self._memory.popleft()
            self._memory_bytes -= len(record)
            if is_line:
                self._waiting[scope.run] -= 1
        for run, (scope, lines, size) in list(self._lost.items()):
            body = {"type": "lost", "lines": lines, "bytes": size, "reason": "disk full"}
            if not self._write(scope, None, _record(EVENT, scope.number, _json(body))):
                return False
            del self._lost[run]
        self._waiting.clear()
        self._publish_memory()
        return True
