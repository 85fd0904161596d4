"""Unfinished lines in SQLite: what has no newline yet, as it is now."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import apsw

from qntx.journal.format import NO_NEWLINE, RAW, is_text
from qntx.model.frames import shown
from qntx.model.views import Line, LogFilter
from qntx.storage.sqlite.lines import band, contexts_where, level_names, line_of, origins_where

#: So many pieces of an unfinished line are looked at, from its beginning.
_MOST_PIECES = 512
# The table is nearly empty, always: it is the one to begin from.
_SELECT = """
SELECT p.producer, p.part, a.attempt, c.stage, c.task_id, p.ts, p.level, o.source, o.logger,
       p.body, p.flags, p.frames, a.job_id
FROM log_parts p CROSS JOIN log_contexts c ON c.context_key = p.context_key
JOIN job_attempts a ON a.run_key = c.run_key JOIN log_origins o ON o.origin_key = p.origin_key
WHERE a.job_id = :job AND (:attempt IS NULL OR a.attempt = :attempt) AND p.number < :most
"""


def growing(db: apsw.Connection, job_id: str, wanted: LogFilter) -> list[Line]:
    """The unfinished lines of a job that fit; none where *wanted* is about text or time."""
    about = (wanted.text, wanted.naming, wanted.since_us, wanted.until_us)
    if any(value is not None for value in about):
        return []
    values: dict[str, Any] = {"job": job_id, "attempt": wanted.attempt, "most": _MOST_PIECES}
    values |= {"stage": wanted.stage, "task": wanted.task_id}
    where = contexts_where(wanted, "c.")
    names = level_names(wanted)
    if names is None:
        where += " AND p.level >= :min_level"
        values["min_level"] = wanted.min_level
    else:
        where += " AND (" + (" OR ".join(band(name, "p.level") for name in names) or "0") + ")"
    if origins := origins_where(wanted, values):
        where += f" AND {origins}"
    rows: Iterable[Any] = db.execute(
        _SELECT + where + " ORDER BY p.producer, p.part, p.number", values
    )
    return [_line(list(pieces)) for _, pieces in groupby(rows, key=lambda row: row[:2])]


def _line(pieces: list[tuple[Any, ...]]) -> Line:
    """The line that pieces make, as far as it has come."""
    _, _, attempt, stage, task, ts, level, source, logger, _, flags, frames, job_id = pieces[0]
    message = shown(b"".join(piece[9] for piece in pieces))
    flags = flags & ~RAW | NO_NEWLINE | (0 if is_text(message) else RAW)
    more = f'{{"frames":{frames + 1}}}' if frames else None
    size = len(message)
    row = (attempt, stage, task, ts, level, source, logger, message, more, flags, size, job_id)
    return line_of((0, *row, None))
