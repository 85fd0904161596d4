"""Where in the log a text may be: the search index, as it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import apsw

from qntx.model.grams import grams, may_hold
from qntx.model.log import DEBUG, LEVELS
from qntx.model.views import LogFilter

#: Below every line's time and level, and above every line's time and id.
MIN, END = -(1 << 63), (1 << 63) - 1
#: Fewer lines than this are looked through faster than looked up.
FEW_LINES = 2_048
#: About this many lines are looked through by one statement.
SPAN_LINES = 32_768

# One statement, so that a line that is moved into the index meanwhile is in exactly one of both.
_PLACES = """
SELECT first_id, last_id, block FROM search_segments
WHERE first_id < :high
  AND first_id >= ifnull((SELECT max(first_id) FROM search_segments WHERE first_id <= :low), :low)
UNION ALL
SELECT run_key << 32 | (indexed + 1), run_key << 32 | stored, NULL
FROM job_attempts INDEXED BY attempts_unindexed
WHERE stored > indexed AND run_key BETWEEN :low >> 32 AND (:high - 1) >> 32
ORDER BY 1
"""


class Candidates:
    """The places where lines that fit *wanted* may be: by their text, time and level."""

    def __init__(self, connection: apsw.Connection, wanted: LogFilter) -> None:
        self._db = connection
        text_match = wanted.text_match
        self._grams = sorted(grams(text_match.pieces())) if text_match is not None else []
        self._since = MIN if wanted.since_us is None else wanted.since_us
        self._until = END if wanted.until_us is None else wanted.until_us
        #: The lowest level that is wanted.
        self.level = _lowest(wanted)
        self._everywhere = not self._grams and (self._since, self._until, self.level) == (
            MIN,
            END,
            MIN,
        )
        self._known: dict[int | None, bool] = {None: True}

    @property
    def by_text(self) -> bool:
        """Whether the text alone narrows the places."""
        return bool(self._grams)

    def of_run(self, low: int, high: int, *, backwards: bool = False) -> Iterator[tuple[int, int]]:
        """Ranges of ids, the second not included, between two places of one attempt, in order."""
        if self._everywhere or high - low <= FEW_LINES:
            yield low, high
        else:
            yield from self.between(low, high, backwards=backwards)

    def between(
        self,
        low: int,
        high: int,
        *,
        backwards: bool = False,
        among: Callable[[int], bool] | None = None,
    ) -> Iterator[tuple[int, int]]:
        """
        The same over all attempts (*among*: of those whose key it accepts).

        Each range holds few enough lines to stop after it.
        """
        held: list[int] = []
        lines = 0
        for first, last, block in self._places(low, high, backwards):
            if not self._may_be_in(block) or not (among is None or among(first >> 32)):
                if held:
                    yield min(held), max(held)
                held.clear()
                continue
            for start, stop in _cut(max(first, low), min(last + 1, high), backwards):
                # What follows directly is read by the same statement.
                if held and lines + stop - start > SPAN_LINES:
                    yield min(held), max(held)
                    held.clear()
                lines = (lines if held else 0) + stop - start
                held += (start, stop)
        if held:
            yield min(held), max(held)

    def _places(
        self, low: int, high: int, backwards: bool
    ) -> Iterator[tuple[int, int, int | None]]:
        order = _PLACES + (" DESC" if backwards else " ASC")
        yield from self._db.execute(order, {"low": low, "high": high})

    def _may_be_in(self, block: int | None) -> bool:
        if self._everywhere:
            return True
        found = self._known.get(block)
        if found is None:
            bits = "bits" if self._grams else "NULL"
            sql = f"SELECT first_ts, last_ts, max_level, {bits} FROM search_blocks WHERE block = ?"
            found = any(self._may_fit(*row) for row in self._db.execute(sql, (block,)))
            self._known[block] = found
        return found

    def _may_fit(self, first: Any, last: Any, level: Any, bits: Any) -> bool:
        return bool(
            first < self._until
            and last >= self._since
            and level >= self.level
            and may_hold(bits, self._grams)
        )


def _lowest(wanted: LogFilter) -> int:
    """The lowest level that is wanted."""
    if wanted.levels is None:
        return MIN if wanted.min_level is None else wanted.min_level
    lowest = min((LEVELS[name] for name in wanted.levels), default=MIN)
    return lowest if lowest > DEBUG else MIN


def _cut(start: int, stop: int, backwards: bool) -> Iterator[tuple[int, int]]:
    """A range in pieces that one statement should look through, in order."""
    cuts = [*range(start, stop, SPAN_LINES), stop]
    pairs = list(pairwise(cuts))
    return iter(pairs[::-1] if backwards else pairs)


def forget_run(connection: apsw.Connection, run_key: int) -> None:
    """
    Drop what the index knows of an attempt, whose lines are deleted in the same transaction.

    What comes after that of the attempt is indexed again.
    """
    span = (run_key << 32, run_key << 32 | 0xFFFFFFFF)
    of_run = "FROM search_segments WHERE first_id BETWEEN ?1 AND ?2"
    blocks = connection.execute(
        f"SELECT block, sum(last_id - first_id + 1) {of_run} GROUP BY block", span
    ).fetchall()
    connection.execute(f"DELETE {of_run}", span)
    for block, lines in blocks:
        connection.execute(
            "UPDATE search_blocks SET lines = lines - ? WHERE block = ?", (lines, block)
        )
        connection.execute(
            "DELETE FROM search_blocks WHERE block = ?1"
            " AND NOT EXISTS(SELECT 1 FROM search_segments s WHERE s.block = ?1)",
            (block,),
        )
    connection.execute("UPDATE job_attempts SET indexed = stored WHERE run_key = ?", (run_key,))
