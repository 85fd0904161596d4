"""Cron by brute force: every minute is looked at, fields are sets, written for tests alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_RANGES = (range(0, 60), range(0, 24), range(1, 32), range(1, 13), range(0, 8))


def field(text: str, values: range) -> set[int]:
    found: set[int] = set()
    for term in text.split(","):
        span, _, step = term.partition("/")
        if span == "*":
            chosen = list(values)
        elif "-" in span:
            low, high = map(int, span.split("-"))
            chosen = list(range(low, high + 1))
        elif step:
            chosen = list(range(int(span), values.stop))
        else:
            chosen = [int(span)]
        found |= set(chosen[:: int(step or 1)])
    return found


class Reference:
    """What an expression of five fields means, minute by minute."""

    def __init__(self, text: str) -> None:
        parts = text.split()
        sets = [field(part, values) for part, values in zip(parts, _RANGES, strict=True)]
        self.minutes, self.hours, self.days, self.months, weekdays = sets
        self.weekdays = {day % 7 for day in weekdays}
        self.both = parts[2].startswith("*") or parts[4].startswith("*")
        self.by_clock = parts[1].startswith("*") or "/" in parts[1]

    def fits(self, wall: datetime) -> bool:
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.month in self.months
            and ((day and weekday) if self.both else (day or weekday))
        )

    def instants(self, first_s: int, last_s: int, zone: ZoneInfo) -> list[int]:
        """The seconds (whole minutes) in [first, last] at which it fires."""
        minute = timedelta(minutes=1)
        before = datetime.fromtimestamp(first_s - 60, zone).replace(tzinfo=None, fold=0)
        found = []
        for second in range(first_s, last_s + 1, 60):
            local = datetime.fromtimestamp(second, zone)
            wall = local.replace(tzinfo=None, fold=0)
            if self.by_clock:
                fires = self.fits(wall)
            else:
                fires = local.fold == 0 and self.fits(wall)
                skipped = before + minute
                while not fires and skipped < wall:
                    fires = self.fits(skipped)
                    skipped += minute
            if fires:
                found.append(second)
            before = wall
        return found
