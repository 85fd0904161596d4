"""
Lines get the next numbers of their attempts, and are counted: the one place that does.

The numbers of an attempt begin at 1 and have no gaps, whatever the backend.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from qntx.journal.format import NO_NEWLINE, RAW, REDACTED
from qntx.model.log import ERROR
from qntx.storage.interfaces.log_rows import (
    SEQ_MASK,
    ContextCounts,
    ContextState,
    RunCounts,
    RunState,
)
from qntx.storage.interfaces.log_writer import LogWriter

#: A line on its way into the store: order, context, origin, time, level, flags, message, metadata.
Pending = tuple[int, ContextState, int, int, int, int, bytes, bytes]

#: What every marker of a redaction begins with.
MARKER = b"***["
#: A message larger than this is given to the store as a large one.
LARGE_MESSAGE_BYTES = 64 << 10
#: Every backend can hold so much in one value: a longer message becomes several lines.
MOST_BYTES = 999_868_928

_order = itemgetter(0)
_context = itemgetter(1)


def store_lines(writer: LogWriter, lines: list[Pending], several: bool) -> list[ContextState]:
    """
    Give each line the next number of its run, and store it; returns the contexts they touch.

    *several*: they come from several processes, and are put in the order of their times first.
    """
    if not lines:
        return []
    if several:
        lines.sort(key=_order)
    touched = list(dict.fromkeys(map(_context, lines)))
    writer.place(touched)
    rows: list[Any] = []
    large: list[Any] = []
    add = rows.append
    for _, context, origin_key, at, level, flags, message, metadata in lines:
        run = context.run
        run.seq = seq = run.seq + 1
        line_id = run.base | seq
        counts = context.counts
        if level in counts:
            counts[level] += 1
        else:
            _first_of_level(context, line_id, at, level)
        context.last_id = line_id
        context.last_ts = at
        more = _fitting(metadata) if metadata else None
        if not flags and len(message) <= LARGE_MESSAGE_BYTES:
            text: str | bytes = message.decode()
        else:
            if flags & REDACTED:
                run.redactions += message.count(MARKER) + metadata.count(MARKER)
            if len(message) > LARGE_MESSAGE_BYTES:
                row = (line_id, context.context_key, origin_key, at, level, flags, message, more)
                large += _split(context, row)
                continue
            text = message if flags & RAW else message.decode("utf-8", "ignore")
        add((line_id, context.context_key, origin_key, at, level, flags, text, more))
    writer.store_lines(rows, large)
    return touched


def tally(
    contexts: Iterable[ContextState], runs: Iterable[RunState]
) -> tuple[list[ContextCounts], list[RunCounts]]:
    """What this round has added to *contexts* and *runs*, which count from zero again."""
    per_run: dict[RunState, list[int]] = {run: [0] * 5 for run in runs}
    counted = []
    for context in contexts:
        columns = [0] * 5
        for level, number in context.counts.items():
            columns[_column(level)] += number
        totals = per_run.setdefault(context.run, [0] * 5)
        for index, number in enumerate(columns):
            totals[index] += number
        counted.append(
            ContextCounts._make(
                (
                    sum(columns),
                    context.first_id,
                    context.last_id,
                    context.first_ts,
                    context.last_ts,
                    max(context.counts),
                    *columns,
                    context.context_key,
                )
            )
        )
        context.counts = {}
    return counted, [_of_run(run, totals) for run, totals in per_run.items()]


def _of_run(run: RunState, totals: list[int]) -> RunCounts:
    error_seq = run.first_error_seq
    counts = RunCounts._make(
        (run.seq, run.lost, run.redactions, error_seq, *totals, run.run_key, run.stored)
    )
    run.stored = run.seq
    run.lost = run.redactions = 0
    return counts


def pieces(message: bytes) -> list[bytes]:
    """*message* in pieces that a store can hold, cut between characters: one, nearly always."""
    found = []
    start = 0
    while len(message) - start > MOST_BYTES:
        end = start + MOST_BYTES
        while end > start + MOST_BYTES - 4 and message[end] & 0xC0 == 0x80:
            end -= 1
        found.append(message[start:end])
        start = end
    return [*found, message[start:] if start else message]


def _split(context: ContextState, row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The rows of a large line: one, or more where it is too large for that."""
    line_id, context_key, origin_key, at, level, flags, message, metadata = row
    run = context.run
    rows = []
    *begun, last = pieces(message)
    for piece in begun:
        rows.append((line_id, context_key, origin_key, at, level, flags | NO_NEWLINE, piece, None))
        run.seq += 1
        context.last_id = line_id = run.base | run.seq
        context.counts[level] += 1
    return [*rows, (line_id, context_key, origin_key, at, level, flags, last, metadata)]


def _fitting(metadata: bytes) -> str:
    """*metadata*, or a marker in its place where no store can hold it."""
    if len(metadata) <= MOST_BYTES:
        return metadata.decode()
    return f'{{"metadata":{{"$unstorable":"too large for the store","bytes":{len(metadata)}}}}}'


def _first_of_level(context: ContextState, line_id: int, at: int, level: int) -> None:
    """The first line of a level that this round adds to a context."""
    if not context.counts:
        context.first_id, context.first_ts = line_id, at
    context.counts[level] = 1
    if level >= ERROR and context.run.first_error_seq is None:
        context.run.first_error_seq = line_id & SEQ_MASK


def _column(level: int) -> int:
    """Which of debug, info, warn, error, critical (0-4) a numeric level counts as."""
    if level >= 40:
        return 4 if level >= 50 else 3
    if level >= 30:
        return 2
    return 1 if level >= 20 else 0
