"""Time zones: wall-clock times that are repeated or skipped, and the instants they stand for."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from qntx.errors import BadInput

_EPOCH = datetime(1970, 1, 1)


def zone_of(name: str) -> ZoneInfo:
    """The time zone called *name* (``Europe/Berlin``); raises BadInput when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(
            f"unknown time zone {name[:80]!r} - use a name such as UTC or Europe/Berlin"
        ) from None


def wall_of(second: int, zone: ZoneInfo) -> datetime:
    """What clocks in *zone* show at an instant (UTC seconds), without a zone, with its fold."""
    return datetime.fromtimestamp(second, zone).replace(tzinfo=None)


def instants_of(wall: datetime, zone: ZoneInfo) -> list[int]:
    """
    The instants (UTC seconds) at which clocks in *zone* show *wall*, in order.

    Two where the clock is set back over it, none where it is set forward over it.
    """
    found = []
    for fold in (0, 1):
        second = seconds(wall) - _offset(wall, zone, fold)
        if wall_of(second, zone).replace(fold=0) == wall.replace(fold=0) and second not in found:
            found.append(second)
    return sorted(found)


def end_of_gap(wall: datetime, zone: ZoneInfo) -> int:
    """The first instant (UTC seconds) after the gap in which *wall*, never shown, lies."""
    after = _offset(wall, zone, 1)
    low = seconds(wall) - after
    high = seconds(wall) - _offset(wall, zone, 0)
    return change_between(low, high, zone)


def start_of_repetition(second: int, zone: ZoneInfo) -> int | None:
    """
    When clocks are set back so that what they show at *second* is shown a second time.

    None unless *second* is the first of two such instants.
    """
    wall = wall_of(second, zone)
    both = instants_of(wall, zone)
    if len(both) < 2 or second != both[0]:
        return None
    return change_between(both[0], both[1], zone)


def change_between(low: int, high: int, zone: ZoneInfo) -> int:
    """The first second in (*low*, *high*] at which the offset of *high* is in force."""
    wanted = datetime.fromtimestamp(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == wanted:
            high = middle
        else:
            low = middle
    return high


def seconds(wall: datetime) -> int:
    """Seconds from the epoch to *wall*, as if it were UTC."""
    return (wall.replace(fold=0) - _EPOCH) // timedelta(seconds=1)


def _offset(wall: datetime, zone: ZoneInfo, fold: int) -> int:
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=1)
