"""A whole log as a stream of bytes, in memory that does not grow with the log or with a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from qntx.errors import NotFound
from qntx.journal.format import BODY_APART, NO_NEWLINE
from qntx.model.views import LogFilter
from qntx.storage.sqlite.lines import (
    lines_where,
)
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database

#: How much is gathered before it is handed on, and the most that one statement reads.
EXPORT_CHUNK_BYTES = 256 << 10
EXPORT_BATCH_BYTES = 1 << 20
EXPORT_BATCH_LINES = 4_000
#: A body is opened anew for every piece, so that a slow reader never holds a transaction open;
#: large pieces keep the way through the body's pages short. A multiple of 3, for base 64.
PIECE_BYTES = 3 << 20

_MESSAGE = "SELECT l.id, l.flags, CAST(l.message AS BLOB) FROM log_lines l "


def text(path: Path, job_id: str, wanted: LogFilter) -> Iterator[bytes]:
    """
    The messages of *job_id* that fit *wanted*, byte by byte, each with its newline.

    A message that was said without one stays without. Raises NotFound for an unknown job, before
    the first chunk.
    """
    with closing(open_database(path, make=False)) as connection:
        for rows in _batches(connection, _MESSAGE, 2, job_id, wanted):
            gathered: list[bytes] = []
            for line_id, flags, message in rows:
                if flags & BODY_APART:
                    yield b"".join(gathered)
                    gathered.clear()
                    yield from pieces(connection, line_id, apart=True)
                else:
                    gathered.append(message)
                if not flags & NO_NEWLINE:
                    gathered.append(b"\n")
            yield b"".join(gathered)


def message(path: Path, job_id: str, attempt: int, seq: int) -> Iterator[bytes]:
    """The whole message of one line in pieces. Raises NotFound, before the first piece."""
    with closing(open_database(path, make=False)) as connection:
        for _, run_key in LogStore(connection).runs(job_id, attempt):
            line_id = run_key << 32 | seq
            sql = "SELECT flags & ? FROM log_lines WHERE id = ?"
            for (apart,) in connection.execute(sql, (BODY_APART, line_id)).fetchall():
                yield from pieces(connection, line_id, apart=bool(apart))
                return
        raise NotFound(f"job {job_id!r} has no line {attempt}:{seq} - see its logs")


def _batches(
    connection: apsw.Connection, select: str, message_at: int, job_id: str, wanted: LogFilter
) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of all attempts in order, with at most about a mebibyte of messages at a time."""
    where, values = lines_where(wanted)
    sql = f"{select}{where} ORDER BY l.id LIMIT {EXPORT_BATCH_LINES}"
    for _, run in LogStore(connection).runs(job_id, wanted.attempt):
        low, high = run << 32, (run + 1) << 32
        while rows := _batch(
            connection.execute(sql, values | {"low": low, "high": high, "run": run}), message_at
        ):
            yield rows
            low = rows[-1][0] + 1


def _batch(cursor: apsw.Cursor, message_at: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += len(row[message_at])
        if size >= EXPORT_BATCH_BYTES:
            cursor.close()
            break
    return rows


def pieces(connection: apsw.Connection, line_id: int, *, apart: bool) -> Iterator[bytes]:
    """The bytes of a message, of one too large for its row a few mebibytes at a time."""
    if not apart:
        sql = "SELECT CAST(message AS BLOB) FROM log_lines WHERE id = ?"
        for (whole,) in connection.execute(sql, (line_id,)).fetchall():
            yield bytes(whole)  # type: ignore[arg-type]
        return
    offset, size = 0, 1
    while offset < size:
        with connection.blob_open("main", "log_bodies", "body", line_id, False) as blob:
            size = blob.length()
            blob.seek(offset)
            piece = blob.read(PIECE_BYTES)
        offset += len(piece)
        yield piece
