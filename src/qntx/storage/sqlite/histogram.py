"""How many lines were said when, by level: the lines of a job that fit a filter, over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from qntx.clock import iso
from qntx.model.log import LEVEL_NAMES
from qntx.model.views import Bucket, Counts, Histogram, LogFilter
from qntx.storage.sqlite.line_query import Runs
from qntx.storage.sqlite.lines import band, lines_where
from qntx.storage.sqlite.search_blocks import Candidates

_S = 1_000_000
#: Lines that are counted by one statement; most of such a block were said in one stretch of time.
BLOCK_LINES = 1_024
#: Lines of five levels counted in one number, twelve bits for each.
_BITS = 12
_CASES = " ".join(f"WHEN {band(name)} THEN {n}" for n, name in enumerate(LEVEL_NAMES))
_PACKED = f"sum(1 << {_BITS} * CASE {_CASES} END)"
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


class _Block(NamedTuple):
    """Lines that fit, of one range of ids: when the first and the last was said, and how many."""

    place: dict[str, int]
    first: int
    last: int
    packed: int


def histogram(
    db: apsw.Connection, job_id: str, wanted: LogFilter, runs: Runs, most: int
) -> Histogram:
    """
    The lines of *runs* that fit *wanted* in at most *most* buckets of a round length.

    Every line counts in the bucket of its own time, whatever the order of the lines. Buckets
    begin at whole multiples of their length since 1970 (UTC); empty ones are left out.
    """
    where, values = lines_where(wanted)
    sql = f"SELECT min(l.ts), max(l.ts), {_PACKED} FROM log_lines l {where}"
    with db:  # one state of the log, whatever is written meanwhile
        blocks = [
            _Block(place, int(first), int(last), int(packed))
            for place in _places(db, wanted, runs)
            for first, last, packed in _rows(db, sql, values | place)
            if first is not None
        ]
        if not blocks:
            return Histogram(job_id=job_id, total_count=0, step_us=None, buckets=[])
        step = step_of(min(b.first for b in blocks), max(b.last for b in blocks), most)
        found = _by_bucket(db, where, values, blocks, step)
    buckets = [
        Bucket(iso(bucket * step), Counts(total=counts.total(), **counts))
        for bucket, counts in sorted(found.items())
    ]
    total = sum(bucket.counts.total for bucket in buckets)
    return Histogram(job_id=job_id, total_count=total, step_us=step, buckets=buckets)


def _by_bucket(
    db: apsw.Connection, where: str, values: dict[str, Any], blocks: list[_Block], step: int
) -> dict[int, Counter[str]]:
    """Lines by bucket and level; only blocks that reach over several buckets are read again."""
    # A GROUP BY over all lines takes three times as long: it sorts what is in order already.
    sql = f"SELECT l.ts / :step, {_PACKED} FROM log_lines l {where} GROUP BY 1"
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for place, first, last, packed in blocks:
        if first // step == last // step:
            found[first // step].update(_unpacked(packed))
            continue
        for bucket, part in _rows(db, sql, values | place | {"step": step}):
            found[bucket].update(_unpacked(part))
    return found


def _rows(db: apsw.Connection, sql: str, values: dict[str, Any]) -> Any:
    """Rows whose columns' types the statement knows."""
    return db.execute(sql, values)


def _unpacked(packed: int) -> dict[str, int]:
    mask = (1 << _BITS) - 1
    return {name: packed >> _BITS * n & mask for n, name in enumerate(LEVEL_NAMES)}


def _places(db: apsw.Connection, wanted: LogFilter, runs: Runs) -> Iterator[dict[str, int]]:
    """Where lines that fit can be: an attempt, and a range of ids of it."""
    sql = "SELECT min(id), max(id) FROM log_lines WHERE id >= ? AND id < ?"
    candidates = Candidates(db, wanted)
    for _, run in runs:
        for low, high in candidates.of_run(run << 32, (run + 1) << 32):
            ends: list[Any] = db.execute(sql, (low, high)).fetchall()
            for first, last in ends:
                for start in range(first, last + 1, BLOCK_LINES) if last is not None else ():
                    end = min(start + BLOCK_LINES, last + 1)
                    yield {"run": run, "low": start, "high": end}
