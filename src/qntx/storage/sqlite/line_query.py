"""The lines of a job that fit a filter: from a place on, up to one, around one, and how many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeAlias

import apsw

from qntx.model.log import WARN, level_name
from qntx.model.views import LogFilter
from qntx.storage.sqlite.lines import (
    SELECT_LINE,
    contexts_where,
    level_names,
    lines_where,
    only_contexts,
)
from qntx.storage.sqlite.retention import expired_of
from qntx.storage.sqlite.search_blocks import END, Candidates

#: Lines of rare levels are read so many at a time; with more levels than this they are not rare.
IDS = 200
FEW_LEVELS = 16
#: The levels from warnings on that lines have, each found by one look into their index.
_LEVELS = """
WITH RECURSIVE present(level) AS (
    SELECT min(level) FROM log_lines WHERE level >= 30
    UNION ALL
    SELECT (SELECT min(l.level) FROM log_lines l WHERE l.level >= 30 AND l.level > present.level)
    FROM present WHERE level IS NOT NULL)
SELECT level FROM present WHERE level IS NOT NULL
"""

#: Contexts of a task, or of a stage of that name by itself.
OF_TASK = "(c.task_id = :task OR (c.task_id IS NULL AND c.stage = :task))"

#: (attempt, run key) of a job, in order.
Runs: TypeAlias = list[tuple[int, int]]
Rows: TypeAlias = list[tuple[Any, ...]]


class Selection:
    """The lines of *runs* that fit *wanted*, as rows of SELECT_LINE."""

    def __init__(self, connection: apsw.Connection, wanted: LogFilter, runs: Runs) -> None:
        self._db = connection
        self._wanted = wanted
        self.runs = runs
        self._where, self._values = lines_where(wanted)
        self._contexts = contexts_where(wanted)
        self._candidates = Candidates(connection, wanted)
        self._levels: list[int] | None = None
        self._known_ends: dict[int, tuple[int, int]] = {}

    def first(self, start: int, limit: int, end: int = END) -> Rows:
        """The first lines from *start* on, before *end*."""
        rows: Rows = []
        for _, run in self.runs:
            low, high = max(run << 32, start), min((run + 1) << 32, end)
            if low < high and len(rows) < limit:
                rows += self.slice(run, low, high, limit - len(rows))
        return rows

    def last(self, stop: int, limit: int) -> Rows:
        """The last lines before *stop*, in order."""
        rows: Rows = []
        for _, run in reversed(self.runs):
            low, high = run << 32, min((run + 1) << 32, stop)
            if low < high and len(rows) < limit:
                rows += self.slice(run, low, high, limit - len(rows), backwards=True)
        rows.reverse()
        return rows

    def around(self, place: int, limit: int) -> tuple[Rows, bool, bool]:
        """The lines around *place*, and whether there are earlier and later ones."""
        below, above = self.last(place, limit + 1), self.first(place, limit + 1)
        # Half of them lie before it; more where there are fewer on the other side.
        before = min(len(below), max(limit // 2, limit - len(above)))
        after = min(len(above), limit - before)
        rows = below[len(below) - before :] + above[:after]
        return rows, len(below) > before, len(above) > after

    def slice(self, run: int, low: int, high: int, limit: int, *, backwards: bool = False) -> Rows:
        """Up to *limit* lines of one run between two places (the second not included)."""
        if self._contexts:
            first, last = self._ends(run)
            low, high = max(low, first), min(high, last + 1)
        values = self._values | {"run": run, "low": low, "high": high}
        rows: Rows = []
        for more, part in self._parts(values, backwards):
            sql = (
                f"{SELECT_LINE} {self._where}{more} ORDER BY l.id {_order(backwards)} LIMIT :limit"
            )
            part["limit"] = limit - len(rows)
            rows += self._db.execute(sql, values | part).fetchall()
            if len(rows) >= limit:
                break
        return rows

    def count(self) -> int:
        """How many lines fit; from the counters alone where the filter allows it."""
        names = level_names(self._wanted)
        counted = names is not None and only_contexts(self._wanted) and not self._expired()
        if counted:
            columns = " + ".join(f"{name}_count" for name in names or ()) or "0"
            table = "log_contexts" if self._contexts else "job_attempts"
            sql = f"SELECT total({columns}) FROM {table} WHERE run_key = :run{self._contexts}"
        else:
            sql = f"SELECT count(*) FROM log_lines l {self._where}"
        total = 0
        for _, run in self.runs:
            low, high = run << 32, (run + 1) << 32
            ranges = [(low, high)] if counted else self._candidates.of_run(low, high)
            for low, high in ranges:
                values = self._values | {"low": low, "high": high, "run": run}
                total += sum(int(row[0]) for row in self._db.execute(sql, values))
        return total

    def _parts(
        self, values: dict[str, Any], backwards: bool
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """What is read one after the other, in order: further conditions, and their values."""
        low, high = values["low"], values["high"]
        if self._candidates.by_text or not (levels := self._rare_levels()):
            for start, stop in self._candidates.of_run(low, high, backwards=backwards):
                yield "", {"low": start, "high": stop}
            return
        each = "SELECT id FROM log_lines INDEXED BY lines_by_level WHERE level >= 30 AND level = "
        each += "{} AND id >= :low AND id < :high"
        sql = " UNION ALL ".join(each.format(level) for level in levels)
        ids = self._db.execute(f"{sql} ORDER BY 1 {_order(backwards)}", {"low": low, "high": high})
        while part := [row[0] for row in islice(ids, IDS)]:
            yield " AND l.id IN (SELECT value FROM json_each(:ids))", {"ids": str(part)}

    def _rare_levels(self) -> list[int]:
        """The levels that lines have and that are wanted, when there is an index of them."""
        if self._candidates.level < WARN:
            return []
        if self._levels is None:
            names = level_names(self._wanted)
            self._levels = [
                level
                for (level,) in self._db.execute(_LEVELS)
                if (
                    level_name(level) in names
                    if names is not None
                    else level >= self._candidates.level
                )
            ] or [WARN]
        return self._levels if len(self._levels) <= FEW_LEVELS else []

    def _ends(self, run: int) -> tuple[int, int]:
        """The first and the last line of the stages and tasks that are wanted."""
        found = self._known_ends.get(run)
        if found is None:
            sql = "SELECT min(first_id), max(last_id) FROM log_contexts WHERE run_key = :run"
            found = END, 0
            for first, last in self._db.execute(sql + self._contexts, self._values | {"run": run}):
                if first is not None:
                    found = int(first), int(last)
            self._known_ends[run] = found
        return found

    def _expired(self) -> bool:
        """Whether retention deleted lines, which the counters still count."""
        return expired_of(self._db, (run for _, run in self.runs)) is not None


def of_task(
    db: apsw.Connection, task_id: str, job_id: str | None, after: int | None, limit: int
) -> Rows:
    """
    Lines of a task after a place: over all jobs the newest first, or of one job in order.

    A stage's name stands for its lines that belong to no task, as in the filter.
    """
    order = _order(job_id is None)
    low, high = 0, END
    if after is not None:
        low, high = (0, after - 1) if job_id is None else (after + 1, END)
    runs = (
        "SELECT c.run_key, max(min(c.first_id), :low), min(max(c.last_id), :high)"
        " FROM log_contexts c JOIN job_attempts a USING (run_key)"
        f" WHERE {OF_TASK} AND (:job IS NULL OR a.job_id = :job)"
        f" GROUP BY c.run_key ORDER BY c.run_key {order}"
    )
    sql = (
        f"{SELECT_LINE} WHERE l.id BETWEEN :low AND :high AND l.context_key IN"
        f" (SELECT context_key FROM log_contexts c WHERE run_key = :run AND {OF_TASK})"
        f" ORDER BY l.id {order} LIMIT :limit"
    )
    rows: Rows = []
    values: dict[str, Any] = {"task": task_id, "job": job_id, "low": low, "high": high}
    found: list[Any] = db.execute(runs, values).fetchall()
    for run, first, last in found:
        if first is not None and last is not None and first <= last:
            place = {"run": run, "low": first, "high": last, "limit": limit - len(rows)}
            rows += db.execute(sql, values | place).fetchall()
        if len(rows) >= limit:
            break
    return rows


def _order(backwards: bool) -> str:
    return "DESC" if backwards else "ASC"
