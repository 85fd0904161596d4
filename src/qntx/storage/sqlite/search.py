"""Search over the lines of all runs: newest first, complete, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import apsw

from qntx.clock import monotonic_s
from qntx.model.search import FoundLine, FoundPage, Indexed
from qntx.model.views import LogFilter
from qntx.storage.interfaces.search import MAX_FOUND, Search
from qntx.storage.sqlite.jobs import make_cursor, read_cursor
from qntx.storage.sqlite.lines import (
    SELECT_LINE,
    contexts_where,
    line_of,
    lines_where,
    register_functions,
)
from qntx.storage.sqlite.search_blocks import END, Candidates
from qntx.storage.sqlite.translation import translated

#: How long one call may look; its page then says where the next one goes on.
SEARCH_CALL_LIMIT_S = 0.5

# A schedule has a log of its own, and is no job.
_JOBS = """
LEFT JOIN async_ix_jobs j ON j.id = a.job_id
LEFT JOIN scheduled_pulse_jobs p ON j.id IS NULL AND p.id = a.job_id
"""
_SELECT = (
    SELECT_LINE.replace(
        "FROM log_lines",
        ", coalesce(j.handler_name, p.handler_name, 'schedule'),"
        " coalesce(j.source, p.ats_code)\nFROM log_lines",
        1,
    )
    + _JOBS
)


@translated
class SearchStore(Search):
    """The lines of all runs of one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        register_functions(connection)

    def page(
        self,
        wanted: LogFilter,
        *,
        handler: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> FoundPage:
        limit = max(1, min(limit, MAX_FOUND))
        where, values = lines_where(wanted, of_run=False)
        if handler is not None:
            where += " AND j.handler_name = :handler"
            values["handler"] = handler
        among = _among(self._db, wanted, handler)
        sql = f"{_SELECT} {where} ORDER BY l.id DESC LIMIT :limit"
        high = END if cursor is None else read_cursor(cursor)
        deadline = monotonic_s() + SEARCH_CALL_LIMIT_S
        rows: list[tuple[Any, ...]] = []
        end: int | None = None
        with self._db:  # everything of one moment, also while lines move into the index
            candidates = Candidates(self._db, wanted)
            for start, stop in candidates.between(0, high, backwards=True, among=among):
                place = {"low": start, "high": stop, "limit": limit + 1 - len(rows)}
                rows += self._db.execute(sql, values | place).fetchall()
                if len(rows) > limit:
                    end = rows[limit - 1][0]
                    break
                if monotonic_s() > deadline:
                    end = start
                    break
            covered = indexed(self._db)
        return FoundPage(
            q=wanted.text or "",
            logs=[_found(row) for row in rows[:limit]],
            next_cursor=make_cursor(end) if end is not None else None,
            indexed=covered,
        )


def _among(
    connection: apsw.Connection, wanted: LogFilter, handler: str | None
) -> Callable[[int], bool] | None:
    """Whether the attempt of a key is of *handler* and has what is wanted of stages and tasks."""
    conditions = []
    if handler is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM job_attempts a JOIN async_ix_jobs j ON j.id = a.job_id"
            " WHERE a.run_key = :run AND j.handler_name = :handler)"
        )
    if contexts := contexts_where(wanted):
        conditions.append(f"EXISTS (SELECT 1 FROM log_contexts WHERE run_key = :run{contexts})")
    if not conditions:
        return None
    sql = f"SELECT {' AND '.join(conditions)}"
    values: dict[str, Any] = {"handler": handler, "stage": wanted.stage, "task": wanted.task_id}
    return cache(lambda run_key: (1,) in connection.execute(sql, values | {"run": run_key}))


def indexed(connection: apsw.Connection) -> Indexed:
    """How many lines the index covers, and how many wait."""
    values = []
    for sql in (
        "SELECT total(lines) FROM search_blocks",
        "SELECT total(stored - indexed) FROM job_attempts INDEXED BY attempts_unindexed"
        " WHERE stored > indexed",
    ):
        values += [int(number) for (number,) in connection.execute(sql)]
    return Indexed(*values)


def _found(row: tuple[Any, ...]) -> FoundLine:
    line = line_of(row[:-2], with_job=True)
    fields = {name: getattr(line, name) for name in line.__struct_fields__}
    return FoundLine(**fields, handler_name=row[-2], job_source=row[-1])
