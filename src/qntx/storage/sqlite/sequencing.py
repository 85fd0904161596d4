"""Lines become rows: each gets the next number of its run, and is counted."""

from __future__ import annotations

from typing import Any

from qntx.indexer.events import Pending
from qntx.indexer.state import SEQ_MASK, ContextState
from qntx.journal.format import BODY_APART, NO_NEWLINE, RAW, REDACTED
from qntx.model.log import ERROR
from qntx.storage.sqlite.index_writer import LARGE_MESSAGE_BYTES, ROW_MESSAGE_BYTES, IndexWriter

#: What every marker of a redaction begins with.
MARKER = b"***["


def insert(index_writer: IndexWriter, lines: list[Pending], several: bool) -> set[ContextState]:
    """
    Give each line the next number of its run, and insert it; returns the contexts they touch.

    *several*: they come from several processes, and are put in the order of their times first.
    """
    if several:
        lines.sort(key=_order)
    rows: list[tuple[Any, ...]] = []
    add = rows.append
    touched: set[ContextState] = set()
    bodies: list[tuple[int, bytes]] = []
    for _, context, origin_key, at, level, flags, message, metadata in lines:
        run = context.run
        run.seq = seq = run.seq + 1
        number = run.base | seq
        counts = context.counts
        if level in counts:
            counts[level] += 1
        else:
            _first_of_level(index_writer, context, number, at, level, touched)
        context.last_id = number
        context.last_ts = at
        if not flags and len(message) <= LARGE_MESSAGE_BYTES:
            text: str | bytes = message.decode()
        else:
            if flags & REDACTED:
                run.redactions += message.count(MARKER) + metadata.count(MARKER)
            if len(message) > LARGE_MESSAGE_BYTES:
                *begun, message = _pieces(message, index_writer.most_bytes)
                for piece in begun:
                    bodies.append((number, piece))
                    shown = _beginning(piece, flags)
                    add(
                        (
                            number,
                            context.context_key,
                            origin_key,
                            at,
                            level,
                            flags | BODY_APART | NO_NEWLINE,
                            shown,
                            None,
                        )
                    )
                    run.seq = seq = seq + 1
                    context.last_id = number = run.base | seq
                    counts[level] += 1
                bodies.append((number, message))
                message, flags = message[:ROW_MESSAGE_BYTES], flags | BODY_APART
            text = message if flags & RAW else message.decode("utf-8", "ignore")
        add(
            (
                number,
                context.context_key,
                origin_key,
                at,
                level,
                flags,
                text,
                _fitting(metadata, index_writer.most_bytes) if metadata else None,
            )
        )
    index_writer.insert_lines(rows)
    for number, body in bodies:
        index_writer.insert_body(number, body)
    return touched


def _pieces(message: bytes, most: int) -> list[bytes]:
    """*message* in pieces that a row can hold, cut between characters: one, nearly always."""
    pieces = []
    start = 0
    while len(message) - start > most:
        end = start + most
        while end > start + most - 4 and message[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(message[start:end])
        start = end
    return [*pieces, message[start:] if start else message]


def _beginning(piece: bytes, flags: int) -> str | bytes:
    """What the row itself holds of a *piece* that is kept apart."""
    begin = piece[:ROW_MESSAGE_BYTES]
    return begin if flags & RAW else begin.decode("utf-8", "ignore")


def _fitting(metadata: bytes, most: int) -> str:
    """*metadata*, or a marker in its place where no row can hold it."""
    if len(metadata) <= most:
        return metadata.decode()
    return f'{{"metadata":{{"$unstorable":"too large for the store","bytes":{len(metadata)}}}}}'


def _first_of_level(
    index_writer: IndexWriter,
    context: ContextState,
    number: int,
    at: int,
    level: int,
    touched: set[ContextState],
) -> None:
    """The first line of a level that this round adds to a context."""
    if not context.counts:
        index_writer.place(context)
        touched.add(context)
        context.first_id, context.first_ts = number, at
    context.counts[level] = 1
    if level >= ERROR and context.run.first_error_seq is None:
        context.run.first_error_seq = number & SEQ_MASK


def _order(pending: Pending) -> int:
    return pending[0]
