"""The statements that build the search index, beside the rounds and never waiting for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from qntx.journal.format import BODY_APART
from qntx.storage.interfaces.log_rows import SEQ_BITS, SEQ_MASK
from qntx.storage.interfaces.search_index import (
    BlockRow,
    PlainLine,
    SearchIndexWriter,
    Unindexed,
)
from qntx.storage.sqlite.connection import committing, connect
from qntx.storage.sqlite.log_writer import CHECKPOINT_PAGES
from qntx.storage.sqlite.translation import translating

_UNINDEXED = (
    "SELECT run_key, indexed, stored FROM job_attempts INDEXED BY attempts_unindexed"
    " WHERE stored > indexed ORDER BY run_key LIMIT ?"
)
_LINES = f"""
SELECT l.id & {SEQ_MASK}, l.ts, l.level, CAST(CASE WHEN l.flags & {BODY_APART} THEN
       (SELECT iif(octet_length(b.body) > ?4, NULL, b.body) FROM log_bodies b WHERE b.id = l.id)
       ELSE l.message END AS BLOB)
FROM log_lines l WHERE l.id > ?1 AND l.id <= ?2 ORDER BY l.id LIMIT ?3
"""


class SqliteSearchIndexWriter(SearchIndexWriter):
    """Has a connection of its own to the database at *path*, which is there already."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: apsw.Connection | None = None

    def unindexed(self, limit: int) -> list[Unindexed]:
        with translating(self._path):
            rows: Iterable[Any] = self._db.execute(_UNINDEXED, (limit,))
            return [Unindexed(*row) for row in rows]

    def lines(self, part: Unindexed, limit: int, longest: int) -> Iterator[PlainLine]:
        base = part.run_key << SEQ_BITS
        with translating(self._path):
            values = (base | part.indexed, base | part.stored, limit, longest)
            rows: Iterable[Any] = self._db.execute(_LINES, values)
            for row in rows:
                yield PlainLine(*row)

    def store(self, block: BlockRow, parts: Sequence[Unindexed]) -> bool:
        db = self._db
        with translating(self._path):
            db.execute("BEGIN IMMEDIATE")
            try:
                with committing(db):
                    _insert(db, block, parts)
            except _Overtaken:
                return False
        return True

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _db(self) -> apsw.Connection:
        if self._opened is None:
            self._opened = connect(self._path, make=False, busy_timeout_ms=0)
            # Blocks that a power failure takes are built again, with what it took of the progress.
            self._opened.execute(
                f"PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;"
                f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}"
            ).fetchall()
        return self._opened


class _Overtaken(Exception):
    """An attempt was forgotten while its lines were read."""


def _insert(db: apsw.Connection, block: BlockRow, parts: Sequence[Unindexed]) -> None:
    """Raises _Overtaken when somebody else moved the index of one of *parts* meanwhile."""
    db.execute(
        "INSERT INTO search_blocks(lines, first_ts, last_ts, max_level, bits)"
        " VALUES(?, ?, ?, ?, ?)",
        block,
    )
    number = db.last_insert_rowid()
    for run_key, before, last in parts:
        base = run_key << SEQ_BITS
        db.execute(
            "UPDATE job_attempts SET indexed = ? WHERE run_key = ? AND indexed = ?",
            (last, run_key, before),
        )
        if not db.changes():
            raise _Overtaken
        db.execute(
            "INSERT INTO search_segments VALUES(?, ?, ?)",
            (base | (before + 1), base | last, number),
        )
