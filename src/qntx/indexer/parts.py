"""Lines that have no newline yet: their pieces, kept over a restart of the indexer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from qntx.indexer.keys import Keys
from qntx.indexer.producer import Part, Producer
from qntx.indexer.sequencing import Pending, pieces
from qntx.journal.format import NO_NEWLINE, RAW, is_text
from qntx.journal.reader import Record
from qntx.model.frames import frames_of, without_frames
from qntx.storage.interfaces.log_rows import ContextState, PartRow
from qntx.storage.interfaces.log_writer import LogWriter


class Parts:
    """Keeps the pieces that journals bring within the transaction of the round."""

    def __init__(self, writer: LogWriter, keys: Keys) -> None:
        self._writer = writer
        self._keys = keys
        self._closed: list[tuple[str, int]] = []

    def load(self, producer: Producer) -> None:
        """Take up what was kept of a producer's incomplete lines."""
        for place, row in self._writer.load_parts(producer.name):
            producer.parts.setdefault(row.part, []).append(
                Part(
                    row.number,
                    self._keys.at(place),
                    row.origin_key,
                    row.ts,
                    row.level,
                    row.flags,
                    row.body,
                    row.frames,
                    True,
                )
            )

    def add(
        self, producer: Producer, context: ContextState, origin_key: int, record: Record
    ) -> None:
        """Keep a piece of a line until its rest comes."""
        known = producer.parts.setdefault(int(record.metadata), [])
        for body in pieces(bytes(record.message)):
            known.append(
                Part(
                    len(known), context, origin_key, record.at_us, record.level, record.flags, body
                )
            )
        if b"\r" in record.message and not any(piece.flags & RAW for piece in known):
            self._fold(producer, int(record.metadata), known)

    def _fold(self, producer: Producer, part: int, known: list[Part]) -> None:
        """Of a progress bar the newest frame is kept, and how many there were."""
        found = frames_of(b"".join(piece.body for piece in known))
        if not found.before:
            return
        if known[0].stored:
            self._closed.append((producer.name, part))
        first, newest = known[0], known[-1]
        body = b"\r" + found.newest
        known[:] = [
            msgspec.structs.replace(
                newest, number=0, body=body, frames=first.frames + found.before, stored=False
            )
        ]

    def close(self, producer: Producer, part: int) -> None:
        """The whole line came: its pieces may go."""
        known = producer.parts.pop(part, None)
        if known and known[0].stored:
            self._closed.append((producer.name, part))

    def to_lines(self, producer: Producer, lines: list[Pending]) -> None:
        """What a process that is gone wrote without a newline is a line now."""
        for part in list(producer.parts):
            known = producer.parts[part]
            self.close(producer, part)
            first = known[0]
            body = b"".join(piece.body for piece in known)
            flags = 0
            for piece in known:
                flags |= piece.flags
            flags = flags & ~RAW | NO_NEWLINE | (0 if is_text(body) else RAW)
            more = b""
            if b"\r" in body and not flags & RAW:
                body, more = without_frames(body, first.frames)
            lines.append(
                (
                    producer.newest_us,
                    first.context,
                    first.origin_key,
                    first.at_us,
                    first.level,
                    flags,
                    body,
                    more,
                )
            )

    def finish(self, producers: Iterable[Producer]) -> None:
        """Store the pieces that are new, and forget those of lines that are complete."""
        if self._closed:
            self._writer.drop_parts(self._closed)
            self._closed.clear()
        fresh = [
            (producer.name, number, piece)
            for producer in producers
            for number, known in producer.parts.items()
            for piece in known
            if not piece.stored
        ]
        if not fresh:
            return
        self._writer.place(piece.context for _, _, piece in fresh)
        self._writer.save_parts([_row(name, number, piece) for name, number, piece in fresh])
        for _, _, piece in fresh:
            piece.stored = True


def _row(producer: str, part: int, piece: Part) -> PartRow:
    return PartRow(
        producer,
        part,
        piece.number,
        piece.context.context_key,
        piece.origin_key,
        piece.at_us,
        piece.level,
        piece.flags,
        piece.body,
        piece.frames,
    )
