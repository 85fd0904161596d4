"""Lines of a job that say the same but for numbers and ids: how often, the first, the last."""

from __future__ import annotations

import re

import apsw

from qntx.model.groups import LineGroup, LineGroups
from qntx.model.log import LEVEL_NAMES
from qntx.model.views import LogFilter
from qntx.storage.sqlite.line_query import Runs, Selection
from qntx.storage.sqlite.lines import line_of

#: Lines that are looked at, from the first on: more of them say little else, and take long.
MAX_LINES_GROUPED = 20_000
MAX_GROUPS = 200
_READ_LINES = 2_000
#: What differs between lines that say the same: addresses, UUIDs, our own ids, hashes, numbers.
_VARIES = re.compile(
    r"0[xX][0-9a-fA-F]+"
    r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[A-Z]{2}_[0-9A-HJKMNP-TV-Z]{26}\b"
    r"|\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b"
    r"|\d+(?:[.,:]\d+)*"
)


def groups(db: apsw.Connection, job_id: str, wanted: LogFilter, runs: Runs) -> LineGroups:
    """
    The lines of *runs* that fit *wanted*, alike ones together: the gravest first, then the most.

    Alike are lines of one level whose messages (their first 4,096 characters) differ in numbers,
    ids and hashes only. The first 20,000 lines are grouped, and 200 groups given.
    """
    chosen = Selection(db, wanted, runs)
    found: dict[tuple[str, str], LineGroup] = {}
    start = looked_at = 0
    with db:  # one state of the log, whatever is written meanwhile
        total = chosen.count()
        while looked_at < MAX_LINES_GROUPED and (rows := chosen.first(start, _READ_LINES)):
            for row in rows:
                line = line_of(row)
                key = (line.level, alike(line.message))
                group = found.get(key)
                first, count = (group.first, group.count) if group else (line, 0)
                found[key] = LineGroup(count + 1, first, line)
            looked_at, start = looked_at + len(rows), rows[-1][0] + 1
    together = sorted(
        found.values(), key=lambda group: (-LEVEL_NAMES.index(group.first.level), -group.count)
    )
    return LineGroups(
        job_id=job_id,
        total_count=total,
        looked_at=looked_at,
        group_count=len(together),
        groups=together[:MAX_GROUPS],
    )


def alike(message: str) -> str:
    """*message* with what differs between lines that say the same replaced by ``#``."""
    return _VARIES.sub("#", message)
