"""The only place that asks what time it is."""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def monotonic_s() -> float:
    """Seconds on a clock that never jumps; for durations only."""
    return time.monotonic()


def iso(at_us: int) -> str:
    """*at_us* (UTC microseconds) as RFC 3339 with six decimals: ``2026-01-31T10:20:30.000001Z``."""
    seconds, micros = divmod(at_us, 1_000_000)
    return f"{_second(seconds)}.{micros:06d}Z"


@functools.lru_cache(16)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_iso(text: str) -> int:
    """
    The UTC microseconds that an ISO 8601 time stands for.

    Raises ValueError for a text that is no time or carries no zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-01-31T10:20:30Z")
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
