"""
Cron expressions, with a rule for the hours that daylight saving time skips or repeats.

Five fields (minute hour day month weekday) or six (seconds first), names of months and weekdays,
``L``, ``LW``, ``5L``, ``MON#1``, ``H`` (see `spread`), and ``@hourly`` to ``@yearly``.

Where the hour is ``*`` or a step, the expression follows the real time: it fires at every instant
whose wall-clock time fits, also in the hour that comes twice. Otherwise a time that is skipped
fires once, at the first instant after the gap, and a time that comes twice fires the first time
only (the rule of Debian's cron).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from qntx.errors import BadInput
from qntx.model.cron_hash import chosen
from qntx.model.zones import end_of_gap, instants_of, start_of_repetition, wall_of

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_SECOND = timedelta(seconds=1)
#: ``5-5/2`` is 5 alone; the library takes it for ``5/2``, which goes on to the end.
_ONE_VALUE = re.compile(r"(?<![\w#])(\w+)-\1/\d+(?![\w])")
MICRO = 1_000_000
MAX_LENGTH = 200


@dataclass(frozen=True)
class Cron:
    """A cron expression that can be used; see :func:`parse_cron`."""

    text: str
    #: What it stands for: without names for common ones, and with each H chosen.
    expression: str
    #: Whether it fires by real time through changes of the clock.
    follows_clock: bool
    _walk: CronSim

    def next_after(self, after_us: int, zone: ZoneInfo) -> int | None:
        """The first instant after *after_us* (both UTC microseconds); None: never again."""
        second = after_us // MICRO
        wall = wall_of(second, zone)
        found = (self._by_clock if self.follows_clock else self._once)(second, wall, zone)
        return None if found is None else found * MICRO

    def next_wall(self, after: datetime) -> datetime | None:
        """The first time on the wall after *after* that fits; None: not within 50 years."""
        walk = copy.copy(self._walk)
        walk.dt = after.replace(microsecond=0, fold=0)
        try:
            return next(walk)
        except (StopIteration, OverflowError):
            return None

    def _once(self, second: int, wall: datetime, zone: ZoneInfo) -> int | None:
        while (fits := self.next_wall(wall)) is not None:
            wall = fits
            found = instants_of(wall, zone)
            first = found[0] if found else end_of_gap(wall, zone)
            if first > second:
                return first
        return None

    def _by_clock(self, second: int, wall: datetime, zone: ZoneInfo) -> int | None:
        candidates = []
        again = start_of_repetition(second, zone)
        if again is not None:
            repeated = self.next_wall(wall_of(again, zone) - _SECOND)
            if repeated is not None:
                candidates += [i for i in instants_of(repeated, zone) if i >= again]
        while (fits := self.next_wall(wall)) is not None:
            found = [instant for instant in instants_of(fits, zone) if instant > second]
            if found:
                candidates += found
                break
            wall = wall_of(end_of_gap(fits, zone), zone) - _SECOND
        return min(candidates, default=None)


@lru_cache(maxsize=16_384)
def parse_cron(text: str, seed: str = "") -> Cron:
    """
    The expression that *text* holds, with an ``H`` in it chosen by *seed*.

    Raises BadInput with the field that does not fit.
    """
    plain = " ".join(text.split())
    expression = chosen(_ALIASES.get(plain.lower(), plain), seed)
    parts = expression.split()
    if len(text) > MAX_LENGTH or len(parts) not in (5, 6):
        raise BadInput(
            f"{text[:80]!r} is not a valid cron expression: it has {len(parts)} fields - "
            "write five (minute "
            "hour day month weekday), six with seconds first, or @hourly … @yearly"
        )
    try:
        walk = CronSim(_ONE_VALUE.sub(r"\1", expression), datetime(2000, 1, 1))
    except CronSimError as error:
        raise BadInput(_complaint(text, parts, str(error))) from None
    hour = parts[-4]
    return Cron(plain, expression, hour.startswith("*") or "/" in hour, walk)


def _complaint(text: str, parts: list[str], error: str) -> str:
    """Which field of which expression does not fit."""
    name = error.removeprefix("Bad ")
    if name not in _FIELDS:
        return f"{text!r} is not a valid cron expression: {error} - see crontab(5)"
    number = _FIELDS.index(name) - (6 - len(parts))
    if name == "day-of-month" and parts[number].isdigit() and 1 <= int(parts[number]) <= 31:
        return f"{text!r} never comes: month {parts[number + 1]} has no day {parts[number]}"
    return (
        f"{parts[number]!r} is not a valid {name} (in the cron expression {text!r}) - "
        "see crontab(5)"
    )
