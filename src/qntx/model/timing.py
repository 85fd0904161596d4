"""When a schedule fires: intervals, cron expressions and single instants, as instants in UTC."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from qntx.clock import from_iso, iso
from qntx.errors import BadInput
from qntx.model.cron import MICRO, parse_cron
from qntx.model.cron_hash import split_zone
from qntx.model.durations import parse_duration, show_duration
from qntx.model.zones import zone_of


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """
    Exactly one of *every_s*, *cron* and *at_us* says when; times are UTC microseconds.

    The nominal instants of an interval are anchor + n·interval, so that no delay adds up; one of
    days counts real time (24 hours), not the clock on the wall. No instant lies before *start_us*
    or after *end_us*.
    """

    every_s: int | None = None
    anchor_us: int = 0
    cron: str | None = None
    at_us: int | None = None
    zone: str = "UTC"
    start_us: int | None = None
    end_us: int | None = None
    jitter_s: int = 0
    #: What an H in *cron* is chosen by: the schedule's id.
    seed: str = ""

    def next_after(self, after_us: int) -> int | None:
        """The first nominal instant after *after_us*; None: never again. Raises BadInput."""
        if self.start_us is not None:
            after_us = max(after_us, self.start_us - 1)
        found = self._next(after_us)
        if found is None or (self.end_us is not None and found > self.end_us):
            return None
        return found

    def walk(self, first_us: int | None, until_us: int) -> Iterator[int]:
        """The nominal instants from *first_us* (itself one) to *until_us*, both included."""
        while first_us is not None and first_us <= until_us:
            yield first_us
            first_us = self.next_after(first_us)

    def newest(self, first_us: int, until_us: int, number: int) -> list[int]:
        """Of the nominal instants that :meth:`walk` gives, the newest *number*, in order."""
        found: deque[int] = deque(maxlen=number)
        # Wide enough for an interval; for anything else it grows until it holds enough.
        window = number * (self.every_s or 1) * MICRO
        while True:
            start_us = max(first_us, until_us - window)
            found.clear()
            found.extend(self.walk(self.next_after(start_us - 1), until_us))
            if start_us == first_us or len(found) == number:
                return list(found)
            window *= 4

    def due(self, schedule_id: str, nominal_us: int) -> int:
        """
        When the firing of *nominal_us* is due: later by up to *jitter_s* seconds.

        The same for the same schedule and instant, wherever and whenever it is asked for.
        """
        if self.jitter_s <= 0:
            return nominal_us
        seed = hashlib.blake2b(f"{schedule_id}/{nominal_us}".encode(), digest_size=8).digest()
        return nominal_us + int.from_bytes(seed) % (self.jitter_s * MICRO + 1)

    def describe(self) -> str:
        """The timing for people: ``every 6h``, ``cron 0 9 * * 1-5 (Europe/Berlin)``."""
        if self.every_s is not None:
            return f"every {show_duration(self.every_s)}"
        if self.cron is not None:
            chosen = parse_cron(self.cron, self.seed).expression if "H" in self.cron else self.cron
            here = f", here {chosen}" if chosen != self.cron else ""
            return f"cron {self.cron}{here} ({self.zone})"
        return "by hand only" if self.at_us is None else f"once at {iso(self.at_us)}"

    def _next(self, after_us: int) -> int | None:
        if self.every_s is not None:
            if after_us < self.anchor_us:
                return self.anchor_us
            step = self.every_s * MICRO
            return self.anchor_us + ((after_us - self.anchor_us) // step + 1) * step
        if self.cron is not None:
            return parse_cron(self.cron, self.seed).next_after(after_us, zone_of(self.zone))
        return self.at_us if self.at_us is not None and self.at_us > after_us else None


def parse_timing(text: str) -> dict[str, Any]:
    """
    What *text* says of when, as fields of `NewSchedule`.

    ``every 6h`` (or only ``6h``), ``@daily``, ``0 9 * * 1-5``, ``CRON_TZ=Europe/Berlin 0 9 * * *``,
    or a time such as ``2026-12-24T18:00:00+01:00``. Raises BadInput.
    """
    plain = text.strip()
    lowered = plain.lower()
    if lowered.startswith("every "):
        return {"interval_seconds": parse_duration(plain[6:])}
    expression, zone = split_zone(plain)
    if expression.startswith("@") or len(expression.split()) >= 5:
        where = {} if zone is None else {"time_zone": zone}
        return {"cron": parse_cron(expression).text, **where}
    if plain[:4].isdigit() and plain[4:5] == "-":
        return {"run_at": iso(parse_time(plain, "the time"))}
    return {"interval_seconds": parse_duration(plain)}


def parse_time(text: str, name: str) -> int:
    """The UTC microseconds that *text*, the value of *name*, stands for; raises BadInput."""
    try:
        return from_iso(text)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{name} {text[:80]!r} is not a valid time with a zone - write it as "
            "2026-01-31T10:20:30Z or "
            "2026-01-31T11:20:30+01:00"
        ) from None
