"""Deleting lines that have expired, a step at a time, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from qntx.clock import from_iso, iso, monotonic_s
from qntx.model.log import LEVEL_NAMES
from qntx.model.retention import RetentionReport, Rule
from qntx.model.views import Expired
from qntx.storage.interfaces.retention import Expiry, HeldLock, OldRun, Space, Step
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.lines import band
from qntx.storage.sqlite.search_blocks import forget_run
from qntx.storage.sqlite.space import checkpoint, give_back, gives_back, space
from qntx.storage.sqlite.translation import translated, translating
from qntx.storage.sqlite.writer_fairness import yield_to_waiters

#: Steps after which the write-ahead log is folded into the database.
CHECKPOINT_STEPS = 32
_COLUMN = (
    "CASE WHEN level >= 50 THEN 4 WHEN level >= 40 THEN 3 WHEN level >= 30 THEN 2"
    " WHEN level >= 20 THEN 1 ELSE 0 END"
)
_BYTES = (
    "octet_length(message) + ifnull(octet_length(metadata), 0) + iif(flags & 16,"
    " ifnull((SELECT octet_length(body) FROM log_bodies b WHERE b.id = log_lines.id), 0), 0)"
)
_FINAL = "('completed', 'failed', 'cancelled')"
#: Runs with lines that began before :newest and are over; and logs without an end, of schedules
#: and of the system, whose lines expire one by one.
_RUNS = f"""
SELECT a.run_key, a.job_id, j.id IS NULL AND a.ended_at IS NULL, ifnull(j.status, a.status),
       max(ifnull(a.ended_at, ''), ifnull(j.completed_at, '')),
       a.debug_count, a.info_count, a.warn_count, a.error_count, a.critical_count
FROM job_attempts a LEFT JOIN async_ix_jobs j ON j.id = a.job_id
WHERE a.run_key > :after AND a.started_at < :newest
  AND CASE WHEN j.id IS NOT NULL THEN j.status IN {_FINAL} AND a.ended_at IS NOT NULL
           WHEN a.ended_at IS NOT NULL THEN 1 ELSE a.status = 'queued' END
  AND EXISTS (SELECT 1 FROM log_lines l
              WHERE l.id >= a.run_key << 32 AND l.id < (a.run_key + 1) << 32)
ORDER BY a.run_key LIMIT :limit
"""
#: How many lines of a row c of log_contexts there still are.
KEPT_LINES = """iif(
    EXISTS (SELECT 1 FROM log_expiry e WHERE e.run_key = c.run_key),
    (SELECT count(*) FROM log_lines k WHERE k.id >= c.run_key << 32
         AND k.id < (c.run_key + 1) << 32 AND k.context_key = c.context_key),
    c.line_count)"""


@translated
class ExpiryStore(Expiry):  # budget: the steps of retention, listed in one place
    """The statements of retention, on a connection of its own."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._steps = 0

    def old_runs(self, after_key: int, newest_us: int, limit: int) -> list[OldRun]:
        bound = {"after": after_key, "newest": iso(newest_us), "limit": limit}
        return [self._old_run(row) for row in self._db.execute(_RUNS, bound).fetchall()]

    def _old_run(self, row: Any) -> OldRun:
        run_key, job_id, endless, status, ended, *said = row
        expired = {
            int(level): int(lines)
            for level, lines in self._rows(
                "SELECT level, lines FROM log_expiry WHERE run_key = ?", (run_key,)
            )
        }
        left = {
            name for column, name in enumerate(LEVEL_NAMES) if said[column] > expired.get(column, 0)
        }
        ended_us = None if endless or not ended else from_iso(ended)
        return OldRun(run_key, job_id, status, ended_us, frozenset(left))

    def due_levels(self, run_key: int, before: Mapping[str, int]) -> set[str]:
        low, high = run_key << 32, (run_key + 1) << 32
        return {
            level
            for level, before_us in before.items()
            if self._db.execute(
                f"SELECT 1 FROM log_lines WHERE id >= ? AND id < ? AND ts < ? AND {_where({level})}"
                " LIMIT 1",
                (low, high, before_us),
            ).fetchall()
        }

    def measure(self, run: OldRun, due: Mapping[str, Rule], before_us: int | None) -> Step:
        return self._look(run.run_key, due, before_us, -1)[0]

    def delete(
        self, run: OldRun, due: Mapping[str, Rule], before_us: int | None, limit: int, at_us: int
    ) -> Step:
        step, last_id = self._look(run.run_key, due, before_us, limit)
        if not step.found:
            return step
        where, values = _lines(run.run_key, due, before_us)
        where += " AND id <= ?"
        values.append(last_id)
        self._db.execute(
            "DELETE FROM log_bodies WHERE id IN"
            f" (SELECT id FROM log_lines WHERE {where} AND flags & 16)",
            values,
        )
        self._db.execute(f"DELETE FROM log_lines WHERE {where}", values)
        for level, (lines, _) in step.found.items():
            self._db.execute(
                "INSERT INTO log_expiry VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " lines = lines + excluded.lines, at = excluded.at, rule = excluded.rule",
                (run.run_key, LEVEL_NAMES.index(level), lines, iso(at_us), due[level].name),
            )
        if not step.more and not self._has_lines(run.run_key):
            forget_run(self._db, run.run_key)
        return step

    def _has_lines(self, run_key: int) -> bool:
        sql = "SELECT 1 FROM log_lines WHERE id >= ? AND id < ? LIMIT 1"
        return bool(self._rows(sql, (run_key << 32, (run_key + 1) << 32)))

    def _look(
        self, run_key: int, due: Mapping[str, Rule], before_us: int | None, limit: int
    ) -> tuple[Step, int]:
        where, values = _lines(run_key, due, before_us)
        rows = self._rows(
            f"SELECT {_COLUMN}, count(*), sum(size), max(id) FROM (SELECT id, level,"
            f" {_BYTES} AS size FROM log_lines WHERE {where} ORDER BY id LIMIT ?) GROUP BY 1",
            (*values, limit),
        )
        found = {LEVEL_NAMES[column]: (lines, size) for column, lines, size, _ in rows}
        last_id = max((row[3] for row in rows), default=0)
        return Step(found, sum(row[1] for row in rows) == limit), last_id

    # -- jobs ----------------------------------------------------------------------------------

    def old_jobs(self, before_us: int, limit: int) -> list[str]:
        sql = f"""
        SELECT id FROM async_ix_jobs j WHERE status IN {_FINAL} AND completed_at < ?
          AND NOT EXISTS (SELECT 1 FROM job_attempts a JOIN log_lines l
                          ON l.id >= a.run_key << 32 AND l.id < (a.run_key + 1) << 32
                          WHERE a.job_id = j.id)
          AND NOT EXISTS (SELECT 1 FROM job_attempts a
                          WHERE a.job_id = j.id AND a.ended_at IS NULL)
        ORDER BY rowid LIMIT ?"""
        return [row[0] for row in self._rows(sql, (iso(before_us), limit))]

    def forget_jobs(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            of_runs = "run_key IN (SELECT run_key FROM job_attempts WHERE job_id = ?)"
            for table in ("log_contexts", "log_expiry"):
                self._db.execute(f"DELETE FROM {table} WHERE {of_runs}", (job_id,))
            self._db.execute("DELETE FROM job_attempts WHERE job_id = ?", (job_id,))
            self._db.execute("DELETE FROM pulse_executions WHERE async_job_id = ?", (job_id,))
            self._db.execute("DELETE FROM async_ix_jobs WHERE id = ?", (job_id,))

    # -- steps and space -----------------------------------------------------------------------

    def prepare(self) -> None:
        self._db.execute("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0").fetchall()

    @contextmanager
    def step(self) -> Iterator[HeldLock]:
        path = Path(self._db.filename)
        yield_to_waiters(str(path.parent))
        held = HeldLock()
        with translating(path), transaction(self._db):
            began = monotonic_s()
            yield held
        held.held_s = monotonic_s() - began
        self._steps += 1
        if self._steps % CHECKPOINT_STEPS == 0:
            self.checkpoint()

    def checkpoint(self) -> None:
        checkpoint(self._db)

    def space(self) -> Space:
        return space(self._db)

    def gives_back(self) -> bool:
        return gives_back(self._db)

    def give_back(self, pages: int) -> None:
        give_back(self._db, pages)

    # -- reports -------------------------------------------------------------------------------

    def save(self, report: RetentionReport) -> None:
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO retention_runs(at, report) VALUES(?, ?)",
                (report.started_at, msgspec.json.encode(report).decode()),
            )
            self._db.execute("DELETE FROM retention_runs WHERE id <= last_insert_rowid() - 100")

    def last_report(self) -> RetentionReport | None:
        sql = "SELECT report FROM retention_runs ORDER BY id DESC LIMIT 1"
        for (report,) in self._db.execute(sql):
            return msgspec.json.decode(report, type=RetentionReport)
        return None

    def _rows(self, sql: str, values: Any) -> list[Any]:
        return self._db.execute(sql, values).fetchall()


def expired_of(connection: apsw.Connection, run_keys: Iterable[int]) -> Expired | None:
    """What has expired of these runs; None: nothing."""
    at, total, rules = "", 0, list[str]()
    for run_key in run_keys:
        for when, lines, rule in connection.execute(
            "SELECT at, lines, rule FROM log_expiry WHERE run_key = ? ORDER BY level", (run_key,)
        ):
            at, total = max(at, str(when)), total + int(lines)
            rules += [str(rule)] if rule not in rules else []
    return Expired(at, total, "; ".join(rules)) if total else None


def _where(levels: Iterable[str]) -> str:
    chosen = [band(level, "level") for level in levels]
    return "1" if len(chosen) == len(LEVEL_NAMES) else f"({' OR '.join(chosen)})"


def _lines(run_key: int, due: Mapping[str, Any], before_us: int | None) -> tuple[str, list[int]]:
    where, values = f"id >= ? AND id < ? AND {_where(due)}", [run_key << 32, (run_key + 1) << 32]
    if before_us is not None:
        where += " AND ts < ?"
        values.append(before_us)
    return where, values
