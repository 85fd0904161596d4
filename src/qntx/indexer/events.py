"""What records other than lines do to the store: beginnings, ends, stages, losses, parts."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import msgspec

from qntx.clock import now_us
from qntx.errors import UnstorableValue
from qntx.indexer.keys import Keys
from qntx.indexer.producer import Producer
from qntx.indexer.sequencing import Pending
from qntx.journal.reader import Record
from qntx.journal.write_errors import reason_of_number
from qntx.model.log import ERROR, WARN
from qntx.storage.interfaces.log_rows import ContextState, RunState
from qntx.storage.interfaces.log_writer import LogWriter

#: How an event begins that says that lines are lost.
LOST = b'{"type":"lost"'
_VERDICT = b'{"type":"verdict"'
_decode = msgspec.json.decode
_encode = msgspec.json.encode


#: What an event may hold that nobody can store, as against a store that takes nothing now.
_UNUSABLE = (ValueError, TypeError, KeyError, OverflowError)


def is_verdict(record: Record) -> bool:
    """Whether *record* ends an attempt of somebody else: everything else comes first."""
    return bytes(record.message[: len(_VERDICT)]) == _VERDICT


class Events:
    """Applies events within the transaction of the round that brought them."""

    def __init__(self, writer: LogWriter, keys: Keys) -> None:
        self._writer = writer
        self._keys = keys
        #: Whether something in this round may have put a job on the queue.
        self.queue_changed = False
        self._lines: list[Pending] = []
        self._changed: set[RunState] = set()
        #: Attempts that ended in this round.
        self.over: list[RunState] = []
        self._handlers: dict[str, Callable[[ContextState, Record, dict[str, Any]], None]] = {
            "begin": self._begin,
            "end": self._end,
            "span": self._span,
            "progress": self._progress,
            "checkpoint": self._checkpoint,
            "spawn": self._spawn,
            "verdict": self._verdict,
        }

    # -- events -----------------------------------------------------------------------------

    def apply(self, producer: Producer, context: ContextState, record: Record) -> None:
        """Do what the event says."""
        fields = _decode(bytes(record.message))
        kind = fields["type"]
        mark = producer.scope_mark(record.scope)
        if kind == "end" and fields.get("accepted") is not None and mark is not None:
            producer.check_count(mark.run, fields["accepted"])
            self.report_missing(producer)
        try:
            self._handlers[kind](context, record, fields)
        except UnstorableValue as error:
            self._refused(context, record, kind, str(error))
        except _UNUSABLE as error:
            self._refused(context, record, kind, f"{type(error).__name__}: {error}")

    def _refused(self, context: ContextState, record: Record, kind: str, reason: str) -> None:
        """One event that cannot be stored must not hold up everything behind it."""
        text = f"{kind} could not be stored: {reason}"
        self.say(context.run, ERROR, text, {"event": kind})
        if kind == "end":
            self._end(context, record, {"status": "failed", "error": text})

    def others_of_run(
        self, producer: Producer, record: Record, producers: Iterable[Producer]
    ) -> list[Producer]:
        """Other journals with unread records of the run that *record*, from *producer*, ends."""
        if not bytes(record.message[:13]).startswith(b'{"type":"end"'):
            return []
        mark = producer.scope_mark(record.scope)
        run = producer.run_marks.get(mark.run) if mark is not None else None
        if run is None:
            return []
        key = (run.job_id, run.attempt)
        return [
            other
            for other in producers
            if other is not producer and key in other.attempts and other.has_news()
        ]

    def _begin(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        self._writer.begin(context.run, fields, record.at_us)

    def _end(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        self._end_run(context.run, fields, record.at_us)

    def _end_run(self, run: RunState, fields: dict[str, Any], at_us: int) -> None:
        self._writer.end(run, fields, at_us)
        run.ended = True
        self.over.append(run)
        # A retry, a parent that waited: somebody may have something to do.
        self.queue_changed = True

    def _verdict(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        """Somebody else ends an attempt whose worker is gone, unless it has ended itself."""
        run = context.run
        if run.ended:
            return
        half = fields["begun" if self._writer.has_begun(run) else "waiting"]
        for level, source, text, metadata in half["says"]:
            self.say(run, level, text, metadata, source)
        self._end(context, record, half["end"])

    def _spawn(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        if context.run.ended:
            # Another attempt may be at work by now: only its children count.
            text = f"child {fields['id']} was not enqueued: this attempt is over"
            self.say(context.run, WARN, text, {"child": fields["id"]})
            return
        self._writer.spawn(context.run, fields, record.at_us)
        self.queue_changed = True

    def _span(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        self._writer.place([context])
        self._writer.span(context.context_key, fields, record.at_us)

    def _progress(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        self._writer.progress(context.run, fields, record.at_us)

    def _checkpoint(self, context: ContextState, record: Record, fields: dict[str, Any]) -> None:
        self._writer.checkpoint(context.run, fields)

    # -- losses -----------------------------------------------------------------------------

    def lost(self, producer: Producer, record: Record, order: int, lines: list[Pending]) -> None:
        """The writer says that it could not keep some lines: to be said in *lines*, in place."""
        mark = producer.scope_mark(record.scope)
        if mark is None:
            return
        fields, run = _decode(bytes(record.message)), mark.run
        number, reason = int(fields["lines"]), str(fields["reason"])
        producer.counted[run] = producer.counted.get(run, 0) + number
        self._say_lost(producer, run, number, reason, bytes=fields.get("bytes"))
        line = self._lines.pop()
        lines.append((order, *line[1:]))

    def damaged(self, producer: Producer, record: Record) -> None:
        """A record whose checksum is wrong: lost, and said so."""
        mark = producer.scope_marks.get(record.scope)
        run = mark.run if mark else max(producer.run_marks, default=None)
        if run is not None:
            producer.counted[run] = producer.counted.get(run, 0) + 1
            self._say_lost(producer, run, 1, "a record of the journal is damaged")

    def report_missing(self, producer: Producer) -> None:
        """Lines that the writer counted and that were not there."""
        for run, lines in producer.missing:
            self._say_lost(producer, run, lines, "missing in the journal")
        producer.missing.clear()

    def _say_lost(
        self, producer: Producer, number: int, lines: int, reason: str, **more: Any
    ) -> None:
        mark = producer.run_marks[number]
        run = self._keys.run(mark.job_id, mark.attempt)
        run.lost += lines
        self._changed.add(run)
        noun = "line" if lines == 1 else "lines"
        self.say(
            run,
            ERROR,
            f"{lines:,} {noun} lost here: {reason}",
            {"lost": lines, "reason": reason, **more},
        )

    def say(
        self,
        run: RunState,
        level: int,
        message: str,
        metadata: dict[str, Any] | None,
        source: str = "system",
    ) -> None:
        """Add a line of the system itself to the log of *run*."""
        at = now_us()
        context = self._keys.context(run, None, None)
        origin = self._keys.origin(source, None)
        more = b"" if metadata is None else _encode(metadata)
        line = (at, context, origin, at, level, 0, message.encode(), more)
        self._lines.append(line)

    # -- the death of a writer ----------------------------------------------------------------

    def writer_died(self, producer: Producer) -> None:
        """A process is gone without an end: say what is lost, and end what it alone ran."""
        waiting, hindrance = producer.in_memory
        if waiting and producer.run_marks:
            self._say_lost(
                producer,
                max(producer.run_marks),
                waiting,
                "the process ended while its journal could not be written"
                f" ({reason_of_number(hindrance)})",
            )
        for job_id, attempt in self._writer.unsupervised(producer.name):
            run = self._keys.run(job_id, attempt)
            reason = "the process ended without a word (killed, or the machine went down)"
            self.say(
                run,
                ERROR,
                f"run lost: {reason}; its last line is number {run.seq}",
                {"reason": "process_died", "last_seq": run.seq},
            )
            fields = {
                "status": "failed",
                "error": reason,
                "error_type": "process_died",
                "reason": "process_died",
            }
            self._end_run(run, fields, now_us())

    # -- the end of a round -------------------------------------------------------------------

    def take_lines(self) -> list[Pending]:
        """Lines that the events of this round caused."""
        lines, self._lines = self._lines, []
        return lines

    def take_changed_runs(self) -> set[RunState]:
        """Runs whose receipt changed without a line."""
        changed, self._changed = self._changed, set()
        return changed

    def finish(self, kept: Container[RunState]) -> None:
        """Forget runs that are over, unless they are *kept*: some of their streams are not."""
        for run in self.over:
            if run not in kept:
                self._keys.forget(run)
        self.over.clear()
