"""The indexer's statements: keys of runs, contexts and origins, lines, counters, offsets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw

from qntx.clock import iso, now_us
from qntx.indexer.producer import Part
from qntx.indexer.state import ContextState, RunState, level_column

#: A message larger than this is kept apart from its row ...
LARGE_MESSAGE_BYTES = 64 << 10
#: ... which then holds this many bytes of its beginning.
ROW_MESSAGE_BYTES = 4096

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
_UPDATE_RUN = (
    "UPDATE job_attempts SET stored = ?, accepted = ? + lost + ?, lost = lost + ?,"
    " redactions = redactions + ?, first_error_seq = ifnull(first_error_seq, ?),"
    " debug_count = debug_count + ?, info_count = info_count + ?, warn_count = warn_count + ?,"
    " error_count = error_count + ?, critical_count = critical_count + ? WHERE run_key = ?"
)


class IndexWriter:  # budget: one method per statement; what the indexer writes is listed here
    """The tables that the indexer alone writes."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._cursor = connection.cursor()
        #: So many bytes of one message, or of its metadata, a row of the database can hold.
        self.most_bytes = connection.limit(apsw.SQLITE_LIMIT_LENGTH) - 2 * LARGE_MESSAGE_BYTES
        self._runs: dict[tuple[str, int], RunState] = {}
        self._origins: dict[tuple[str, str | None], int] = {}

    # -- keys -----------------------------------------------------------------------------

    def run(self, job_id: str, attempt: int) -> RunState:
        """The state of an attempt; its row is made when the queue did not make it."""
        key = (job_id, attempt)
        found = self._runs.get(key)
        if found is not None:
            return found
        select = (
            "SELECT run_key, stored, ended_at, pid FROM job_attempts WHERE job_id=? AND attempt=?"
        )
        row = self._one(select, key)
        if row is None:
            self.connection.execute(
                "INSERT INTO job_attempts(job_id, attempt, status, started_at)"
                " VALUES(?,?,'queued',?)",
                (job_id, attempt, iso(now_us())),
            )
            row = (self.connection.last_insert_rowid(), 0, None, None)
        run_key, stored, ended_at, pid = row
        fresh = not stored and pid is None and ended_at is None
        run = RunState(run_key, job_id, attempt, stored, ended=ended_at is not None, fresh=fresh)
        self._runs[key] = run
        return run

    def context(self, run: RunState, stage: str | None, task_id: str | None) -> ContextState:
        """The state of a stage or task of *run*; it has a row when something is said in it."""
        found = run.contexts.get((stage, task_id))
        if found is not None:
            return found
        context = run.contexts[stage, task_id] = ContextState(run, 0, stage, task_id)
        if not run.fresh:
            self._find(context)
        return context

    def place(self, context: ContextState) -> int:
        """The key of *context*; its row is made when it has none."""
        if not context.context_key:
            key = (context.run.run_key, context.stage, context.task_id)
            self.connection.execute(
                "INSERT OR IGNORE INTO log_contexts(run_key, stage, task_id) VALUES(?,?,?)", key
            )
            if self.connection.changes():
                context.context_key = self.connection.last_insert_rowid()
            else:
                self._find(context)  # a late word of a run that was over, and forgotten
        return context.context_key

    def _find(self, context: ContextState) -> None:
        row = self._one(
            "SELECT context_key FROM log_contexts WHERE run_key = ?1"
            " AND ifnull(stage, '') = ifnull(?2, '') AND ifnull(task_id, '') = ifnull(?3, '')"
            " AND (stage IS NULL) = (?2 IS NULL) AND (task_id IS NULL) = (?3 IS NULL)",
            (context.run.run_key, context.stage, context.task_id),
        )
        if row is not None:
            context.context_key = row[0]

    def origin(self, source: str, logger: str | None) -> int:
        """The key of an origin; its row is made when it is new."""
        key = (source, logger)
        found = self._origins.get(key)
        if found is not None:
            return found
        row = self._one(
            "SELECT origin_key FROM log_origins WHERE source = ?1"
            " AND ifnull(logger, '') = ifnull(?2, '') AND (logger IS NULL) = (?2 IS NULL)",
            key,
        )
        if row is None:
            self.connection.execute("INSERT INTO log_origins(source, logger) VALUES(?,?)", key)
            row = (self.connection.last_insert_rowid(),)
        self._origins[key] = row[0]
        return int(row[0])

    # -- lines and counters ----------------------------------------------------------------

    def insert_lines(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Store lines, already numbered."""
        self._cursor.executemany(_INSERT_LINE, rows)

    def insert_body(self, line_id: int, body: bytes) -> None:
        """Store the whole of a large message, piece by piece."""
        self.connection.execute(
            "INSERT INTO log_bodies(id, body) VALUES(?, ?)", (line_id, apsw.zeroblob(len(body)))
        )
        with self.connection.blob_open("main", "log_bodies", "body", line_id, True) as blob:
            for start in range(0, len(body), 1 << 20):
                blob.write(body[start : start + (1 << 20)])

    def count(self, contexts: Iterable[ContextState], runs: Iterable[RunState]) -> None:
        """Add this round's counts to the rows of *contexts* and *runs*, and start anew."""
        per_run: dict[RunState, list[int]] = {run: [0, 0, 0, 0, 0] for run in runs}
        updates = []
        for context in contexts:
            columns = [0, 0, 0, 0, 0]
            for level, number in context.counts.items():
                columns[level_column(level)] += number
            totals = per_run.setdefault(context.run, [0, 0, 0, 0, 0])
            for index, number in enumerate(columns):
                totals[index] += number
            updates.append(
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
            context.counts = {}
        self._cursor.executemany(_UPDATE_CONTEXT, updates)
        self._cursor.executemany(
            _UPDATE_RUN,
            [
                (
                    run.seq,
                    run.seq,
                    run.lost,
                    run.lost,
                    run.redactions,
                    run.first_error_seq,
                    *totals,
                    run.run_key,
                )
                for run, totals in per_run.items()
            ],
        )
        for run in per_run:
            run.lost = run.redactions = 0

    def forget(self, run: RunState) -> None:
        """Drop what is remembered of a run that is over, so that memory does not grow."""
        self._runs.pop((run.job_id, run.attempt), None)

    # -- pieces of lines ---------------------------------------------------------------------

    def save_parts(self, producer: str, part: int, pieces: Iterable[Part]) -> None:
        """Keep pieces of a line that is not complete, over a restart of the indexer."""
        self._cursor.executemany(
            "INSERT INTO log_parts VALUES(?,?,?,?,?,?,?,?,?)",
            [
                (
                    producer,
                    part,
                    p.number,
                    self.place(p.context),
                    p.origin_key,
                    p.at_us,
                    p.level,
                    p.flags,
                    p.body,
                )
                for p in pieces
            ],
        )

    def drop_parts(self, parts: Iterable[tuple[str, int]]) -> None:
        """Forget pieces whose line is complete: (producer, part)."""
        self._cursor.executemany("DELETE FROM log_parts WHERE producer=? AND part=?", parts)

    def load_parts(self, producer: str) -> dict[int, list[Part]]:
        """The pieces kept of a producer's incomplete lines."""
        rows = self.connection.execute(
            "SELECT p.part, p.number, p.origin_key, p.ts, p.level, p.flags, p.body, c.stage,"
            " c.task_id, a.job_id,"
            " a.attempt FROM log_parts p JOIN log_contexts c USING (context_key)"
            " JOIN job_attempts a USING (run_key) WHERE p.producer = ? ORDER BY p.part, p.number",
            (producer,),
        ).fetchall()
        parts: dict[int, list[Part]] = {}
        for row in rows:
            part, number, origin_key, at, level, flags, body, *place = _any(row)
            stage, task_id, job_id, attempt = place
            context = self.context(self.run(job_id, attempt), stage, task_id)
            parts.setdefault(part, []).append(
                Part(number, context, origin_key, at, level, flags, body, True)
            )
        return parts

    # -- spools ------------------------------------------------------------------------------

    def save_spools(self, spools: Iterable[tuple[Any, ...]]) -> None:
        """Store how far spools are in the store, and to whom their lines belong."""
        self._cursor.executemany(
            "INSERT OR REPLACE INTO log_spools VALUES(?,?,?,?,?,?,?,?,?)", spools
        )

    def drop_spools(self, paths: Iterable[str]) -> None:
        """Forget spools that are stored whole."""
        self._cursor.executemany("DELETE FROM log_spools WHERE path=?", [(p,) for p in paths])

    def load_spools(self) -> list[tuple[Any, ...]]:
        """The spools that are not finished, each with its context."""
        rows = self.connection.execute(
            "SELECT s.path, a.job_id, a.attempt, c.stage, c.task_id, s.origin_key, s.position,"
            " s.level, s.flags, s.directives, s.keep, s.redact FROM log_spools s"
            " JOIN log_contexts c USING (context_key) JOIN job_attempts a USING (run_key)"
        ).fetchall()
        found: list[tuple[Any, ...]] = []
        for row in rows:
            path, job_id, attempt, stage, task_id, *rest = _any(row)
            context = self.context(self.run(job_id, attempt), stage, task_id)
            found.append((path, context, *rest))
        return found

    # -- offsets --------------------------------------------------------------------------

    def offsets(self) -> dict[str, tuple[int, int]]:
        """Per producer: the segment and the position up to which it is in the store."""
        rows = self.connection.execute("SELECT producer, segment, position FROM journal_offsets")
        return {producer: (segment, position) for producer, segment, position in rows}

    def save_offsets(self, offsets: Iterable[tuple[str, int, int]]) -> None:
        """Store how far each journal is in the store; in the transaction of its lines."""
        self._cursor.executemany(
            "INSERT INTO journal_offsets(producer, segment, position) VALUES(?,?,?)"
            " ON CONFLICT(producer) DO UPDATE SET segment=excluded.segment,"
            " position=excluded.position",
            offsets,
        )

    def drop_offsets(self, producers: Iterable[str]) -> None:
        """Forget journals whose files are gone."""
        self._cursor.executemany(
            "DELETE FROM journal_offsets WHERE producer=?", [(p,) for p in producers]
        )

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        for row in self.connection.execute(sql, values):
            return tuple(row)
        return None


def _any(row: Any) -> Any:
    """A row whose columns' types the schema knows."""
    return row
