"""One round of the indexer: everything published since the last one, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec

from qntx.clock import now_us
from qntx.indexer.events import LOST, Events, is_verdict
from qntx.indexer.keys import Keys
from qntx.indexer.parts import Parts
from qntx.indexer.producer import DEFINITIONS, Producer
from qntx.indexer.sequencing import Pending, store_lines, tally
from qntx.indexer.spools import Spools
from qntx.journal.format import (
    CLOSES_PART,
    EVENT,
    LINE,
    PART,
    RAW,
    UNCOMMITTED_SUFFIX,
    SegmentName,
)
from qntx.journal.reader import Record, remove_uncommitted
from qntx.journal.secret_hashes import SUFFIX as HASHES_SUFFIX
from qntx.journal.shared_secrets import SUFFIX as SECRETS_SUFFIX
from qntx.journal.shared_secrets import remove_leftovers_of, secrets_folder
from qntx.journal.spool_files import remove_leftovers
from qntx.model.frames import without_frames
from qntx.storage.interfaces.log_rows import ContextState, Offset, OffsetMove
from qntx.storage.interfaces.log_writer import LogWriter

#: How long a dead writer's journal may go unnoticed, seconds.
DEATH_CHECK_S = 0.1
#: A round is committed at the latest after this many lines.
ROUND_LINES = 8_000
#: How often at most the journals are read before a verdict of others counts.
CATCH_UP_PASSES = 20
_SPOOL_EVENT = b'{"type":"spool'
#: The spools of a process belong to its next run from here on.
_SPOOLS_AGAIN = b'{"type":"spools"}'


class Drain:  # budget: one round, told from its beginning to its end in one place
    """Moves records of all journals below *folder* into the store, exactly once."""

    def __init__(
        self, folder: Path, writer: LogWriter, notify_jobs: Callable[[], None] = lambda: None
    ) -> None:
        """*notify_jobs* is called when a round may have put a job on the queue."""
        self._folder = folder
        self._writer = writer
        self._notify_jobs = notify_jobs
        self._death_check = 0.0
        self._reset()

    @property
    def producers(self) -> int:
        """How many journals are being followed."""
        return len(self._producers)

    def round(self, *, check_deaths: bool = False) -> int:
        """
        Store everything published so far; returns the number of records.

        Raises StoreBusy or StoreUnavailable when the store cannot take it; nothing is lost then,
        and the next round begins where the last stored one ended.
        """
        if not self._loaded:
            self._load()
        self._discover()
        now = time.monotonic()
        check_deaths = check_deaths or now - self._death_check > DEATH_CHECK_S
        ready = [p for p in self._producers.values() if p.has_news()]
        dead: list[Producer] = []
        if check_deaths:
            self._death_check = now
            dead = [p for p in self._producers.values() if p not in ready and p.is_dead()]
        over = [p for p in self._producers.values() if p.over]
        spooled = self._spools.has_news(check=check_deaths)
        if not ready and not dead and not over and not spooled:
            return 0
        begun = False
        try:
            with self._writer.round():
                begun = True
                records = self._store(ready, dead, check_deaths)
        except BaseException:
            # Refused at its beginning, nothing was read yet, and nothing need be read again.
            if begun:
                self.close()
                self._reset()
            raise
        self._clean_up()
        if self._events.queue_changed:
            self._events.queue_changed = False
            self._notify_jobs()
        return records

    def sync_journals(self) -> None:
        """While the store takes nothing: have the disk hold what is published."""
        for producer in self._producers.values():
            producer.sync()

    def sweep(self) -> None:
        """Remove spools and secrets that killed processes have left, and nobody will read."""
        news = any(producer.has_news() for producer in self._producers.values())
        if self._loaded and not news:
            home = self._folder.parent
            remove_leftovers(home, self._producers, self._spools)
            for folder, suffix in (
                (secrets_folder(home), SECRETS_SUFFIX),
                (self._folder / "spool", HASHES_SUFFIX),
            ):
                remove_leftovers_of(folder, suffix, self._producers, self._spools)

    def close(self) -> None:
        """Let go of all files."""
        for producer in self._producers.values():
            producer.close()
        self._producers.clear()
        self._spools.close()

    # -- finding journals --------------------------------------------------------------------

    def _reset(self) -> None:
        """Know nothing (at start, and after a round that failed); the store is asked again."""
        self._producers: dict[str, Producer] = {}
        self._keys = Keys(self._writer)
        self._events = Events(self._writer, self._keys)
        self._parts = Parts(self._writer, self._keys)
        memory = secrets_folder(self._folder.parent)
        self._spools = Spools(self._writer, self._keys, self._folder / "spool", memory)
        self._offsets: dict[str, Offset] = {}
        self._loaded = False
        self._listed_ns = -1

    def _load(self) -> None:
        """Begin from what the store says."""
        self._offsets = self._writer.offsets()
        self._spools.load()
        self._loaded = True

    def _discover(self) -> None:
        """Look for new journals, if the folder changed since the last look."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return
        # A change may share the clock tick of the last look, so a young folder is read again.
        if changed == self._listed_ns and time.time_ns() - changed > 50_000_000:
            return
        self._listed_ns = changed
        first: dict[str, int] = {}
        for path in self._folder.iterdir():
            if path.suffix == UNCOMMITTED_SUFFIX:
                remove_uncommitted(path)
            name = SegmentName.parse(path)
            if name is None or name.producer in self._producers:
                continue
            stored = self._offsets.get(name.producer)
            if stored is not None and name.number < stored.segment:
                path.unlink(missing_ok=True)  # stored before, but not yet removed
                continue
            first[name.producer] = min(first.get(name.producer, name.number), name.number)
        for producer, number in sorted(first.items()):
            found = Producer(self._folder, producer, number, self._offsets.get(producer))
            self._parts.load(found)
            self._producers[producer] = found
        gone = [p for p in self._offsets if p not in self._producers]
        if gone:
            self._writer.drop_offsets(gone)
            for producer in gone:
                del self._offsets[producer]

    def _clean_up(self) -> None:
        """Remove the files that are stored, then forget the journals that are over."""
        self._spools.clean_up()
        for producer in list(self._producers.values()):
            for path, reader in producer.finished:
                if reader is not None:
                    reader.close()
                path.unlink(missing_ok=True)
            producer.finished.clear()
            if producer.over:
                del self._producers[producer.name]
                self._spools.forget_secrets(producer.name)
                self._writer.drop_offsets([producer.name])
                self._offsets.pop(producer.name, None)

    # -- one round -------------------------------------------------------------------------

    def _store(self, ready: list[Producer], dead: list[Producer], check_deaths: bool) -> int:
        """Read, number and insert; then events; then counters and offsets."""
        lines: list[Pending] = []
        events: list[tuple[Producer, Record]] = []
        involved = {producer.name: producer for producer in (*ready, *dead)}
        records = sum(self._read(producer, lines, events) for producer in ready)
        # An end told by another process (a supervisor) may be younger than what was read of the
        # dead worker's journal above: whatever that still holds comes first.
        for producer, record in list(events):
            for other in self._events.others_of_run(producer, record, self._producers.values()):
                involved[other.name] = other
                records += self._read(other, lines, events)
        if any(is_verdict(record) for _, record in events):
            records += self._catch_up(involved, lines, events)
        for producer in involved.values():
            if producer.over or producer in dead:
                self._parts.to_lines(producer, lines)
        before = len(lines)
        self._spools.read(now_us(), lines, check=check_deaths)
        several = len(involved) > 1 or len(lines) > before
        contexts = store_lines(self._writer, lines, several)
        for producer, record in events:
            context = self._context(producer, record.scope)
            if context is not None:
                self._events.apply(producer, context, record)
        for producer in dead:
            self._events.writer_died(producer)
            producer.retire()
        contexts += store_lines(self._writer, self._events.take_lines(), False)
        self._finish(contexts, involved.values())
        return records + len(dead) + len(lines) - before

    def _finish(self, contexts: list[ContextState], involved: Collection[Producer]) -> None:
        """The end of a round: counters, offsets, and what has to outlive a restart."""
        runs = {context.run for context in contexts} | self._events.take_changed_runs()
        self._writer.add_counts(*tally(dict.fromkeys(contexts), runs))
        self._writer.save_offsets([OffsetMove(p.name, p.stored, p.offset) for p in involved])
        for producer in involved:
            producer.stored = producer.offset
        self._parts.finish(involved)
        self._spools.runs_ended(self._events.over)
        self._events.finish(self._spools.runs() if self._events.over else set())
        self._spools.finish_round()

    def _catch_up(
        self,
        involved: dict[str, Producer],
        lines: list[Pending],
        events: list[tuple[Producer, Record]],
    ) -> int:
        """
        Somebody judges a worker that is gone: first comes all that it had published.

        Of journals whose writers live, a few passes are enough: the one in question is silent.
        """
        records = 0
        self._discover()
        for _ in range(CATCH_UP_PASSES):
            late = [p for p in self._producers.values() if p.has_news()]
            for producer in late:
                involved[producer.name] = producer
                records += self._read(producer, lines, events)
            if not late:
                break
        events.sort(key=lambda event: is_verdict(event[1]))
        return records

    def _read(
        self, producer: Producer, lines: list[Pending], events: list[tuple[Producer, Record]]
    ) -> int:
        """Take what *producer* published; returns how many records that were."""
        number = 0
        newest = producer.newest_us
        contexts, origins = producer.contexts, producer.origins
        seen: dict[int, int] = {}
        add = lines.append
        while number < ROUND_LINES and (chunk := producer.chunk()) is not None:
            number += len(chunk)
            for values in chunk:
                kind, flags, level, origin, scope, at, message, metadata, intact = values
                if kind != LINE or not intact:
                    if kind in DEFINITIONS and intact:
                        producer.count(seen)
                    self._read_other(producer, Record(*values), newest, lines, events)
                    continue
                if at > newest:
                    newest = at
                context = contexts.get(scope) or self._context(producer, scope)
                if context is None:
                    continue  # no run was ever defined in this journal: nothing to credit it to
                seen[scope] = seen.get(scope, 0) + 1
                origin_key = origins.get(origin) or self._origin(producer, origin)
                if flags & CLOSES_PART:
                    self._parts.close(producer, int(metadata))
                    flags, metadata = flags & ~CLOSES_PART, b""
                    if b"\r" in message and not flags & RAW:
                        message, metadata = without_frames(message)
                add((newest, context, origin_key, at, level, flags, message, metadata))
            producer.count(seen)
        producer.newest_us = newest
        self._events.report_missing(producer)
        return number

    def _read_other(
        self,
        producer: Producer,
        record: Record,
        newest: int,
        lines: list[Pending],
        events: list[tuple[Producer, Record]],
    ) -> None:
        """A record that is not a line."""
        if not record.intact:
            self._events.damaged(producer, record)
        elif record.kind in DEFINITIONS:
            producer.define(record)
        elif record.kind == EVENT:
            if record.message.startswith(_SPOOL_EVENT):
                self._spool_event(producer, record, max(newest, record.at_us), lines)
            elif record.message.startswith(LOST):
                self._events.lost(producer, record, max(newest, record.at_us), lines)
            else:
                events.append((producer, record))
        elif record.kind == PART:
            context = self._context(producer, record.scope)
            if context is not None:
                origin_key = self._origin(producer, record.origin)
                self._parts.add(producer, context, origin_key, record)

    def _spool_event(
        self, producer: Producer, record: Record, order: int, lines: list[Pending]
    ) -> None:
        """A spool begins, or its content up to here comes before what follows."""
        if record.message == _SPOOLS_AGAIN:
            context = self._context(producer, record.scope)
            if context is not None:
                self._spools.hand_over(producer.name, context)
            return
        fields = msgspec.json.decode(bytes(record.message))
        if fields["type"] == "spooled":
            self._spools.settle(fields, order, lines)
            return
        for spool in fields["spools"] if fields["type"] == "spools" else [fields]:
            source = spool["stream"] if spool["source"] == "fd" else spool["source"]
            origin = self._keys.origin(source, spool["source"])
            context = self._context(producer, record.scope)
            if context is not None:
                self._spools.announce(context, origin, spool)

    def _context(self, producer: Producer, scope: int) -> ContextState | None:
        found = producer.contexts.get(scope)
        if found is not None:
            return found
        mark = producer.scope_mark(scope)
        run_mark = producer.run_marks.get(mark.run) if mark is not None else None
        if mark is None or run_mark is None:
            return None
        run = producer.runs.get(mark.run)
        if run is None:
            run = producer.runs[mark.run] = self._keys.run(run_mark.job_id, run_mark.attempt)
        context = producer.contexts[scope] = self._keys.context(run, mark.stage, mark.task)
        return context

    def _origin(self, producer: Producer, origin: int) -> int:
        mark = producer.origin_marks.get(origin)
        source, logger = (mark.source, mark.logger) if mark is not None else ("system", "damaged")
        key = producer.origins[origin] = self._keys.origin(source, logger)
        return key
