"""The indexer's statements: keys of runs, contexts and origins, lines, counters, offsets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from qntx.clock import iso, now_us
from qntx.errors import StoreUnavailable
from qntx.journal.format import BODY_APART, RAW
from qntx.storage.interfaces.log_rows import (
    ContextCounts,
    ContextState,
    EventFields,
    LineRow,
    Offset,
    OffsetMove,
    PartRow,
    Place,
    RunCounts,
    RunState,
    SpoolRow,
)
from qntx.storage.interfaces.log_writer import LogWriter
from qntx.storage.sqlite import attempt_writes
from qntx.storage.sqlite.connection import committing, is_moved, removed, unavailable
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.translation import refusing, translated, translating
from qntx.storage.sqlite.writer_fairness import yield_to_waiters

#: A large message is kept apart from its row, which then holds this many bytes of its beginning.
ROW_MESSAGE_BYTES = 4096
#: Pages of write-ahead log (4 KiB each) after which it is folded into the database.
CHECKPOINT_PAGES = 8_000
#: The indexer waits so long for others, and then looks at its journals.
BUSY_TIMEOUT_MS = 200

_INSERT_LINE = (
    "INSERT INTO log_lines(id, context_key, origin_key, ts, level, flags, message, metadata)"
    " VALUES(?,?,?,?,?,?,?,?)"
)
_UPDATE_CONTEXT = (
    "UPDATE log_contexts SET line_count = line_count + ?, first_id = ifnull(first_id, ?),"
    " last_id = ?, first_ts = min(ifnull(first_ts, 9223372036854775807), ?),"
    " last_ts = max(ifnull(last_ts, 0), ?),"
    " max_level = max(ifnull(max_level, -32768), ?), debug_count = debug_count + ?,"
    " info_count = info_count + ?, warn_count = warn_count + ?, error_count = error_count + ?,"
    " critical_count = critical_count + ? WHERE context_key = ?"
)
# Numbered, because the values come in the order of `RunCounts`.
_UPDATE_RUN = (
    "UPDATE job_attempts SET stored = ?1, accepted = ?1 + lost + ?2, lost = lost + ?2,"
    " redactions = redactions + ?3, first_error_seq = ifnull(first_error_seq, ?4),"
    " debug_count = debug_count + ?5, info_count = info_count + ?6, warn_count = warn_count + ?7,"
    " error_count = error_count + ?8, critical_count = critical_count + ?9"
    " WHERE run_key = ?10 AND stored = ?11"
)
_KEEP_PART = "INSERT OR REPLACE INTO log_parts VALUES(?,?,?,?,?,?,?,?,?,?)"
_KEEP_SPOOL = "INSERT OR REPLACE INTO log_spools VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_LOAD = (
    "SELECT a.job_id, a.attempt, c.stage, c.task_id, kept.* FROM {} kept"
    " JOIN log_contexts c USING (context_key) JOIN job_attempts a USING (run_key)"
)
_LOAD_PARTS = _LOAD.format("log_parts") + " WHERE kept.producer = ? ORDER BY kept.part, kept.number"
_LOAD_SPOOLS = _LOAD.format("log_spools")


def open_log_writer(path: Path, *, make: bool) -> SqliteLogWriter:
    """
    A writer with a connection of its own to the database at *path*, brought up to date.

    Raises StoreUnavailable, also where there is none and *make* is false.
    """
    connection = open_database(path, make=make, busy_timeout_ms=BUSY_TIMEOUT_MS)
    with translating(path):
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    return SqliteLogWriter(connection)


@translated
class SqliteLogWriter(LogWriter):  # budget: one method per thing that is stored
    """The tables that the indexer alone writes, through *connection*."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._path = Path(connection.filename)
        self._folder = os.path.dirname(connection.filename)
        self._cursor = connection.cursor()
        #: Attempts that began in this round and did not end yet.
        self._begun: dict[RunState, attempt_writes.Beginning] = {}

    @contextmanager
    def round(self) -> Iterator[None]:
        # A writer that begins its next transaction at once keeps all others out for seconds.
        yield_to_waiters(self._folder)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                with committing(self._db):
                    yield
                    self._write_beginnings()
            finally:
                self._begun.clear()
            moved = is_moved(self._db)
        except apsw.Error as error:
            raise unavailable(self._path, error, self._db) from error
        if moved:
            # What was stored just now may be in a file that is gone: it is to be stored again, in
            # the one that is there.
            raise removed(self._path)

    # -- keys -----------------------------------------------------------------------------

    def run(self, job_id: str, attempt: int) -> RunState:
        row = self._one(
            "SELECT run_key, stored, ended_at, pid FROM job_attempts WHERE job_id=? AND attempt=?",
            (job_id, attempt),
        )
        if row is None:
            self._db.execute(
                "INSERT INTO job_attempts(job_id, attempt, status, started_at)"
                " VALUES(?,?,'queued',?)",
                (job_id, attempt, iso(now_us())),
            )
            row = (self._db.last_insert_rowid(), 0, None, None)
        run_key, stored, ended_at, pid = row
        fresh = not stored and pid is None and ended_at is None
        return RunState(run_key, job_id, attempt, stored, ended=ended_at is not None, fresh=fresh)

    def find(self, context: ContextState) -> None:
        row = self._one(
            "SELECT context_key FROM log_contexts WHERE run_key = ?1"
            " AND ifnull(stage, '') = ifnull(?2, '') AND ifnull(task_id, '') = ifnull(?3, '')"
            " AND (stage IS NULL) = (?2 IS NULL) AND (task_id IS NULL) = (?3 IS NULL)",
            (context.run.run_key, context.stage, context.task_id),
        )
        if row is not None:
            context.context_key = row[0]

    def place(self, contexts: Iterable[ContextState]) -> None:
        for context in contexts:
            if context.context_key:
                continue
            self._db.execute(
                "INSERT OR IGNORE INTO log_contexts(run_key, stage, task_id) VALUES(?,?,?)",
                (context.run.run_key, context.stage, context.task_id),
            )
            if self._db.changes():
                context.context_key = self._db.last_insert_rowid()
            else:
                self.find(context)  # a late word of a run that was over, and forgotten

    def origin(self, source: str, logger: str | None) -> int:
        row = self._one(
            "SELECT origin_key FROM log_origins WHERE source = ?1"
            " AND ifnull(logger, '') = ifnull(?2, '') AND (logger IS NULL) = (?2 IS NULL)",
            (source, logger),
        )
        if row is not None:
            return int(row[0])
        self._db.execute("INSERT INTO log_origins(source, logger) VALUES(?,?)", (source, logger))
        return self._db.last_insert_rowid()

    # -- lines and counters ----------------------------------------------------------------

    def store_lines(self, lines: Sequence[LineRow], large: Sequence[LineRow]) -> None:
        try:
            if lines:
                self._cursor.executemany(_INSERT_LINE, lines)
            for line in large:
                self._insert_large(line)
        except apsw.ConstraintError as error:
            raise self._overtaken() from error  # a line of that number is there

    def _insert_large(self, line: LineRow) -> None:
        """A row with the beginning of the message, and beside it the whole."""
        line_id, context_key, origin_key, ts, level, flags, message, metadata = line
        assert isinstance(message, bytes)
        begin: str | bytes = message[:ROW_MESSAGE_BYTES]
        if not flags & RAW:
            begin = message[:ROW_MESSAGE_BYTES].decode("utf-8", "ignore")
        row = (line_id, context_key, origin_key, ts, level, flags | BODY_APART, begin, metadata)
        self._cursor.execute(_INSERT_LINE, row)
        self._insert_body(line_id, message)

    def _insert_body(self, line_id: int, body: bytes) -> None:
        """Store the whole of a large message, piece by piece."""
        self._db.execute(
            "INSERT INTO log_bodies(id, body) VALUES(?, ?)", (line_id, apsw.zeroblob(len(body)))
        )
        with self._db.blob_open("main", "log_bodies", "body", line_id, True) as blob:
            for start in range(0, len(body), 1 << 20):
                blob.write(body[start : start + (1 << 20)])

    def add_counts(self, contexts: Sequence[ContextCounts], runs: Sequence[RunCounts]) -> None:
        self._cursor.executemany(_UPDATE_CONTEXT, contexts)
        self._set(_UPDATE_RUN, runs)

    # -- events ----------------------------------------------------------------------------

    @refusing
    def begin(self, run: RunState, fields: EventFields, at_us: int) -> None:
        self._begun[run] = attempt_writes.begin(self._db, run, fields, at_us)

    @refusing
    def end(self, run: RunState, fields: EventFields, at_us: int) -> None:
        # With its beginning if that is of this round, too: one statement less.
        attempt_writes.end(self._db, run, self._begun.pop(run, None), fields, at_us)

    @refusing
    def spawn(self, run: RunState, fields: EventFields, at_us: int) -> None:
        attempt_writes.spawn(self._db, run, fields, at_us)

    @refusing
    def span(self, context_key: int, fields: EventFields, at_us: int) -> None:
        attempt_writes.span(self._db, context_key, fields, at_us)

    @refusing
    def progress(self, run: RunState, fields: EventFields, at_us: int) -> None:
        attempt_writes.progress(self._db, run, fields, at_us)

    @refusing
    def checkpoint(self, run: RunState, fields: EventFields) -> None:
        attempt_writes.checkpoint(self._db, run, fields)

    def has_begun(self, run: RunState) -> bool:
        return run in self._begun or attempt_writes.has_begun(self._db, run)

    def unsupervised(self, producer: str) -> list[tuple[str, int]]:
        self._write_beginnings()
        return attempt_writes.unsupervised(self._db, producer)

    def _write_beginnings(self) -> None:
        if self._begun:
            attempt_writes.write_beginnings(self._db, self._begun.values())
            self._begun.clear()

    # -- pieces of lines and spools ------------------------------------------------------------

    def save_parts(self, parts: Iterable[PartRow]) -> None:
        self._cursor.executemany(_KEEP_PART, parts)

    def drop_parts(self, parts: Iterable[tuple[str, int]]) -> None:
        self._cursor.executemany("DELETE FROM log_parts WHERE producer=? AND part=?", parts)

    def load_parts(self, producer: str) -> list[tuple[Place, PartRow]]:
        rows: Iterable[Any] = self._db.execute(_LOAD_PARTS, (producer,))
        return [(Place(*row[:4]), PartRow(*row[4:])) for row in rows]

    def save_spools(self, spools: Iterable[SpoolRow]) -> None:
        self._cursor.executemany(_KEEP_SPOOL, spools)

    def miss_end(self, run: RunState, stream: str) -> None:
        self._db.execute(
            "UPDATE job_attempts SET unseen_streams ="
            " json_insert(ifnull(unseen_streams, '[]'), '$[#]', ?) WHERE run_key = ?",
            (stream, run.run_key),
        )

    def drop_spools(self, paths: Iterable[str]) -> None:
        self._cursor.executemany("DELETE FROM log_spools WHERE path=?", [(p,) for p in paths])

    def load_spools(self) -> list[tuple[Place, SpoolRow]]:
        rows: Iterable[Any] = self._db.execute(_LOAD_SPOOLS)
        return [(Place(*row[:4]), SpoolRow(*row[4:])) for row in rows]

    # -- offsets --------------------------------------------------------------------------

    def offsets(self) -> dict[str, Offset]:
        rows: Iterable[Any] = self._db.execute(
            "SELECT producer, segment, position FROM journal_offsets"
        )
        return {producer: Offset(segment, position) for producer, segment, position in rows}

    def save_offsets(self, moves: Sequence[OffsetMove]) -> None:
        self._set(
            "INSERT INTO journal_offsets(producer, segment, position) VALUES(?,?,?)"
            " ON CONFLICT DO NOTHING",
            [(producer, *after) for producer, before, after in moves if before is None],
        )
        self._set(
            "UPDATE journal_offsets SET segment = ?, position = ?"
            " WHERE producer = ? AND segment = ? AND position = ?",
            [
                (*after, producer, *before)
                for producer, before, after in moves
                if before is not None
            ],
        )

    def drop_offsets(self, producers: Iterable[str]) -> None:
        self._cursor.executemany(
            "DELETE FROM journal_offsets WHERE producer=?", [(p,) for p in producers]
        )

    # -- itself ------------------------------------------------------------------------------

    def housekeep(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except apsw.Error:
            pass  # somebody else is at it, or the disk is full: the next one does it

    def close(self) -> None:
        self._db.close()

    def _set(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Compare and set: each row must change one."""
        if not rows:
            return
        before = self._db.total_changes()
        self._cursor.executemany(sql, rows)
        if self._db.total_changes() - before != len(rows):
            raise self._overtaken()

    def _overtaken(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"another indexer has stored the same into the database {self._path} meanwhile"
            " - nothing is stored twice, and what is left is looked at again; "
            "see that one process only works on the data directory"
        )

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        for row in self._db.execute(sql, values):
            return tuple(row)
        return None
