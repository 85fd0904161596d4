"""Log lines in SQLite, as they are read: pages, trees, whole messages, exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from qntx.errors import BadInput, NotFound
from qntx.journal.format import BODY_APART
from qntx.model.groups import LineGroups
from qntx.model.log import WARN
from qntx.model.receipt import Receipt
from qntx.model.views import (
    Counts,
    Histogram,
    Line,
    LogFilter,
    LogPage,
    StagesView,
    TaskLogPage,
)
from qntx.storage.interfaces.log_rows import SPOOL_STORED
from qntx.storage.interfaces.logs import MAX_LINES_PER_PAGE, Logs, Tail, Totals
from qntx.storage.sqlite.groups import groups
from qntx.storage.sqlite.growing import growing
from qntx.storage.sqlite.histogram import histogram
from qntx.storage.sqlite.jobs import make_cursor, read_cursor
from qntx.storage.sqlite.line_query import OF_TASK, Rows, Selection, of_task
from qntx.storage.sqlite.lines import SEQ_MASK, line_of, register_functions
from qntx.storage.sqlite.outline import SELECT_CONTEXTS, outline
from qntx.storage.sqlite.receipts import STREAMS, receipt_of
from qntx.storage.sqlite.retention import KEPT_LINES, expired_of
from qntx.storage.sqlite.search_blocks import END
from qntx.storage.sqlite.translation import translated


@translated
class LogStore(Logs):  # budget: one method per question
    """The lines of one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        register_functions(connection)

    # -- the tree ------------------------------------------------------------------------------

    def stages(self, job_id: str, attempt: int | None = None) -> StagesView:
        runs = self.runs(job_id)
        numbers = [number for number, _ in runs]
        if attempt is None:
            attempt = numbers[-1] if numbers else 0
        elif attempt not in numbers:
            raise NotFound(f"job {job_id!r} has no attempt {attempt} - it has {numbers}")
        run_key = dict(runs).get(attempt)
        rows = [] if run_key is None else self._db.execute(SELECT_CONTEXTS, (run_key,)).fetchall()
        return StagesView(job_id=job_id, attempt=attempt, attempts=numbers, stages=outline(rows))

    # -- pages ---------------------------------------------------------------------------------

    def page(
        self,
        job_id: str,
        wanted: LogFilter,
        *,
        limit: int = 1000,
        after: str | None = None,
        before: str | None = None,
        around: int | None = None,
    ) -> LogPage:
        limit = max(1, min(limit, MAX_LINES_PER_PAGE))
        runs = self.runs(job_id, wanted.attempt)
        chosen = Selection(self._db, wanted, runs)
        if around is not None:
            rows, earlier, later = chosen.around(self._position(str(around), runs), limit)
        elif before is not None and after is None:
            rows = chosen.last(self._position(before, runs), limit + 1)
            earlier, rows = len(rows) > limit, rows[-limit:]
            later = bool(rows)
        else:
            start = self._position(after, runs) + 1 if after is not None else 0
            end = self._position(before, runs) if before is not None else END
            rows = chosen.first(start, limit + 1, end)
            later, rows = len(rows) > limit, rows[:limit]
            earlier = bool(rows) and after is not None
        return LogPage(
            job_id=job_id,
            total_count=chosen.count(),
            logs=[line_of(row) for row in rows],
            receipt=self.receipt(job_id, wanted.attempt),
            counts=self.counts(runs),
            next_cursor=make_cursor(rows[-1][0]) if later else None,
            prev_cursor=make_cursor(rows[0][0]) if earlier else None,
            expired=expired_of(self._db, (key for _, key in runs)),
            growing=[] if later else self.growing(job_id, wanted),
        )

    def histogram(self, job_id: str, wanted: LogFilter, buckets: int) -> Histogram:
        return histogram(self._db, job_id, wanted, self.runs(job_id, wanted.attempt), buckets)

    def groups(self, job_id: str, wanted: LogFilter) -> LineGroups:
        if wanted.min_level is None and wanted.levels is None:
            wanted = msgspec.structs.replace(wanted, min_level=WARN)
        return groups(self._db, job_id, wanted, self.runs(job_id, wanted.attempt))

    def since(self, job_id: str, wanted: LogFilter, position: int, limit: int) -> Tail:
        rows: Rows = []
        chosen = Selection(self._db, wanted, self.runs(job_id, wanted.attempt))
        sql = "SELECT max(id) FROM log_lines WHERE id >= :low AND id < :high"
        for _, key in chosen.runs:
            low, high = max(key << 32, position + 1), (key + 1) << 32
            newest = self._value(sql, {"low": low, "high": high})
            if newest is None:
                continue
            room = limit - len(rows)
            found = chosen.slice(key, low, newest + 1, room)
            rows += found
            if len(found) == room:
                return Tail([line_of(row) for row in rows], rows[-1][0], True)
            position = newest
        return Tail([line_of(row) for row in rows], position, False)

    def position(self, job_id: str, after: str, attempt: int | None = None) -> int:
        number, colon, seq = after.partition(":")
        if colon:
            if not after.isascii() or not (number + seq).isdecimal() or len(number) > 9:
                raise BadInput(
                    f"{after[:80]!r} is not a valid line number - write attempt:number, "
                    "such as 1:153"
                )
            attempt, after = int(number or 0), seq
        runs = self.runs(job_id, attempt)
        if colon and not runs:
            raise NotFound(f"job {job_id!r} has no attempt {attempt} - see its attempts")
        return self._position(after, runs)

    def cursor(self, job_id: str, line: Line) -> str:
        runs = dict(self.runs(job_id, line.attempt))
        return make_cursor(runs[line.attempt] << 32 | line.id)

    def task(self, task_id: str, job_id: str | None, limit: int, after: str | None) -> TaskLogPage:
        limit = max(1, min(limit, MAX_LINES_PER_PAGE))
        total = sum(
            row[0]
            for row in self._db.execute(
                f"SELECT {KEPT_LINES} FROM log_contexts c JOIN job_attempts a USING (run_key)"
                f" WHERE {OF_TASK} AND (:job IS NULL OR a.job_id = :job)",
                {"task": task_id, "job": job_id},
            )
        )
        place = None if after is None else int(read_cursor(after))
        rows = of_task(self._db, task_id, job_id, place, limit + 1)
        more = make_cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return TaskLogPage(
            task_id=task_id,
            total_count=total,
            logs=[line_of(row, with_job=True) for row in rows[:limit]],
            next_cursor=more,
        )

    def counts(self, runs: list[tuple[int, int]]) -> Counts:
        totals = [0] * 6
        for _, key in runs:
            for row in self._db.execute(
                "SELECT stored, debug_count, info_count, warn_count, error_count, critical_count"
                " FROM job_attempts WHERE run_key = ?",
                (key,),
            ):
                totals = [a + b for a, b in zip(totals, row, strict=True)]
        return Counts(*totals)

    def receipt(self, job_id: str, attempt: int | None = None) -> Receipt:
        sql = (
            "SELECT total(a.accepted), total(a.stored), total(a.lost), total(a.redactions),"
            f" {STREAMS} FROM job_attempts a WHERE a.job_id = ? AND (? IS NULL OR a.attempt = ?)"
        )
        [row] = self._db.execute(sql, (job_id, attempt, attempt)).fetchall()
        return receipt_of(row)

    def growing(self, job_id: str, wanted: LogFilter) -> list[Line]:
        return growing(self._db, job_id, wanted)

    def totals(self) -> Totals:
        sql = "SELECT total(stored), total(lost), total(redactions) FROM job_attempts"
        [row] = self._db.execute(sql).fetchall()
        return Totals(*(int(value) for value in row))  # type: ignore[arg-type]

    def journal_offsets(self) -> dict[str, tuple[int, int]]:
        return {
            str(producer): (int(segment), int(position))
            for producer, segment, position in self._db.execute(
                "SELECT producer, segment, position FROM journal_offsets"
            )
        }

    def spools(self) -> set[str]:
        sql = "SELECT path FROM log_spools WHERE state & ? = 0"
        return {str(name) for (name,) in self._db.execute(sql, (SPOOL_STORED,))}

    # -- whole messages ------------------------------------------------------------------------

    def message(self, job_id: str, attempt: int, seq: int) -> bytes:
        sql = "SELECT id, message, flags FROM log_lines WHERE id = ?"
        for _, key in self.runs(job_id, attempt):
            for line_id, message, flags in self._db.execute(sql, (key << 32 | seq,)):
                if flags & BODY_APART:
                    return bytes(self._value("SELECT body FROM log_bodies WHERE id = ?", line_id))
                return message if isinstance(message, bytes) else message.encode()
        raise NotFound(f"job {job_id!r}, attempt {attempt} has no line {seq}")

    def lines(self, job_id: str, wanted: LogFilter) -> Iterator[tuple[Line, bytes]]:
        chosen = Selection(self._db, wanted, self.runs(job_id, wanted.attempt))
        for _, key in chosen.runs:
            low, high = key << 32, (key + 1) << 32
            while rows := chosen.slice(key, low, high, 2000):
                for row in rows:
                    line = line_of(row)
                    whole = row[8] if isinstance(row[8], bytes) else row[8].encode()
                    if line.truncated:
                        whole = self.message(job_id, line.attempt, line.id)
                    yield line, whole
                low = rows[-1][0] + 1

    # -- inside --------------------------------------------------------------------------------

    def runs(self, job_id: str, attempt: int | None = None) -> list[tuple[int, int]]:
        rows = self._db.execute(
            "SELECT attempt, run_key FROM job_attempts WHERE job_id = ?"
            " AND (? IS NULL OR attempt = ?) ORDER BY attempt",
            (job_id, attempt, attempt),
        ).fetchall()
        if not rows and self._value("SELECT 1 FROM async_ix_jobs WHERE id = ?", job_id) is None:
            raise NotFound(f"unknown job {job_id!r} - qntx jobs lists those that exist")
        return [(number, key) for number, key in rows]  # type: ignore[misc]

    def _position(self, cursor: str, runs: list[tuple[int, int]]) -> int:
        """The line id that *cursor* (a cursor, or a sequence number of the last run) names."""
        if cursor.isascii() and cursor.isdigit() and len(cursor) <= 10:
            base = runs[-1][1] << 32 if runs else 0
            return base | min(int(cursor), SEQ_MASK)
        return int(read_cursor(cursor))

    def _value(self, sql: str, values: Any) -> Any:
        bound = values if isinstance(values, dict) else (values,)
        for row in self._db.execute(sql, bound):
            return row[0]
        return None
