"""How many lines were said when, by level: the lines of a job that fit a filter, over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import apsw

from qntx.clock import iso
from qntx.model.log import level_name
from qntx.model.views import Bucket, Counts, Histogram, LogFilter
from qntx.storage.sqlite.candidates import Candidates
from qntx.storage.sqlite.lines import lines_where
from qntx.storage.sqlite.selection import Runs

_S = 1_000_000
_BY_BOTH = "GROUP BY 1, 2"
#: Lengths of a bucket that are read off at once, in microseconds: 1, 2, 5, … of what is smaller
#: than a second, and what clocks have marks for; beyond, days of 1, 2, 5, …
_STEPS: tuple[int, ...] = (
    *(digit * 10**power for power in range(6) for digit in (1, 2, 5)),
    *(seconds * _S for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60 * _S for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3600 * _S for hours in (1, 2, 3, 6, 12)),
    *(digit * 10**power * 86_400 * _S for power in range(6) for digit in (1, 2, 5)),
)


def step_of(first_us: int, last_us: int, most: int) -> int:
    """The shortest round length of buckets (µs) of which *most* hold both instants."""
    return next(step for step in _STEPS if last_us // step - first_us // step < most)


def histogram(
    db: apsw.Connection, job_id: str, wanted: LogFilter, runs: Runs, most: int
) -> Histogram:
    """
    The lines of *runs* that fit *wanted* in at most *most* buckets of a round length.

    Every line counts in the bucket of its own time, whatever the order of the lines. Buckets
    begin at whole multiples of their length since 1970 (UTC); empty ones are left out.
    """
    places = list(_places(db, wanted, runs))
    where, values = lines_where(wanted)

    def read(columns: str, more: str = "", **named: int) -> Iterator[Any]:
        for place in places:
            sql = f"SELECT {columns} FROM log_lines l {where} {more}"
            yield from db.execute(sql, values | place | named)

    with db:  # one state of the log, whatever is written meanwhile
        ends = [row for row in read("min(l.ts), max(l.ts)") if row[0] is not None]
        if not ends:
            return Histogram(job_id=job_id, total_count=0, step_us=None, buckets=[])
        step = step_of(min(first for first, _ in ends), max(last for _, last in ends), most)
        found: dict[int, Counter[str]] = defaultdict(Counter)
        for bucket, level, number in read("l.ts / :step, l.level, count(*)", _BY_BOTH, step=step):
            found[bucket][level_name(level)] += number
    buckets = [
        Bucket(iso(bucket * step), Counts(total=counts.total(), **counts))
        for bucket, counts in sorted(found.items())
    ]
    total = sum(bucket.counts.total for bucket in buckets)
    return Histogram(job_id=job_id, total_count=total, step_us=step, buckets=buckets)


def _places(db: apsw.Connection, wanted: LogFilter, runs: Runs) -> Iterator[dict[str, int]]:
    """Where lines that fit can be: an attempt, and a range of ids of it."""
    candidates = Candidates(db, wanted)
    for _, run in runs:
        for low, high in candidates.of_run(run << 32, (run + 1) << 32):
            yield {"run": run, "low": low, "high": high}
