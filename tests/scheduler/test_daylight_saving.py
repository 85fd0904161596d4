"""Every change of the clocks from 2020 to 2035 in five zones, by the documented rule."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from functools import cache

import pytest

from qntx.errors import BadInput
from qntx.model.cron import parse_cron
from qntx.model.timing import Timing
from qntx.model.zones import change_between, zone_of
from tests.support.schedule_bench import MICRO

from .reference_cron import Reference
from .test_timing import FIRST, LAST

ZONES = {
    "Europe/Berlin": 32,
    "America/New_York": 32,
    "Australia/Lord_Howe": 32,
    "Africa/Cairo": 26,
    "Australia/Adelaide": 32,
}
DAY = 86_400


@cache
def changes(name: str) -> list[tuple[int, int]]:
    """(instant, seconds by which the clock is set forward) of each change."""
    zone, found = zone_of(name), []
    for second in range(FIRST, LAST, DAY):
        before = datetime.fromtimestamp(second, zone).utcoffset()
        after = datetime.fromtimestamp(second + DAY, zone).utcoffset()
        if before != after:
            assert before is not None
            assert after is not None
            at = change_between(second, second + DAY, zone)
            found.append((at, int((after - before).total_seconds())))
    return found


def fired(text: str, zone_name: str, first: int, last: int) -> list[int]:
    zone, cron = zone_of(zone_name), parse_cron(text)
    found, at = [], cron.next_after(first * MICRO - 1, zone)
    while at is not None and at <= last * MICRO:
        found.append(at // MICRO)
        at = cron.next_after(at, zone)
    return found


@pytest.mark.parametrize("name", ZONES)
def test_there_are_as_many_changes_as_expected(name: str) -> None:
    assert len(list(changes(name))) == ZONES[name]


@pytest.mark.parametrize("name", ZONES)
def test_a_skipped_time_fires_once_at_the_first_instant_after_the_gap(name: str) -> None:
    zone = zone_of(name)
    gaps = [(at, by) for at, by in changes(name) if by > 0]
    assert gaps
    for at, by in gaps:
        wall = datetime.fromtimestamp(at - 1, zone).replace(tzinfo=None) + timedelta(seconds=1)
        middle = wall + timedelta(seconds=by // 2)
        text = f"{middle.minute} {middle.hour} * * *"
        assert fired(text, name, at - 3600, at + 3600).count(at) == 1
        # Once that day, and once the day after.
        assert len(fired(text, name, at - 12 * 3600, at + 12 * 3600 - 1)) == 1
        # Several skipped times are one firing.
        assert fired(f"*/10 {wall.hour} * * *", name, at, at + 60) == [at]


@pytest.mark.parametrize("name", ZONES)
def test_a_repeated_time_fires_the_first_time_only(name: str) -> None:
    zone = zone_of(name)
    overlaps = [(at, -by) for at, by in changes(name) if by < 0]
    assert overlaps
    for at, by in overlaps:
        wall = datetime.fromtimestamp(at, zone).replace(tzinfo=None)  # shown again from here
        middle = wall + timedelta(seconds=by // 2)
        text = f"{middle.minute} {middle.hour} * * *"
        assert fired(text, name, at - by, at + by) == [at - by // 2]


@pytest.mark.parametrize("name", ZONES)
def test_every_half_hour_follows_real_time_through_every_change(name: str) -> None:
    for at, _ in changes(name):
        found = fired("*/30 * * * *", name, at - 7_200, at + 7_200)
        assert {b - a for a, b in itertools.pairwise(found)} == {1_800}
        assert len(found) == 9


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "text",
    ["15 * * * *", "*/10 2 * * *", "0 */2 * * *", "30 0,2 * * *", "0 0 * * *", "5 1-3 * * *"],
)
def test_all_changes_agree_with_a_walk(name: str, text: str) -> None:
    for at, _ in changes(name):
        first = at // 60 * 60 - 4 * 3600
        last = first + 8 * 3600
        expected = Reference(text).instants(first, last, zone_of(name))
        assert fired(text, name, first, last) == expected


@pytest.mark.parametrize("name", ZONES)
def test_every_second_of_a_fixed_hour_is_no_endless_search(name: str) -> None:
    for at, by in list(changes(name))[:4]:
        wall = datetime.fromtimestamp(at, zone_of(name))
        found = fired(f"* * {wall.hour} * * *", name, at - 30, at + 30)
        assert found == sorted(set(found))
        assert by < 0 or at in found or wall.minute == 30


@pytest.mark.parametrize("zone", ["Foo/Bar", "", "Europe", "/etc/passwd", "../UTC", "x" * 300])
def test_an_unknown_zone_is_said(zone: str) -> None:
    with pytest.raises(BadInput, match="unknown time zone"):
        Timing(cron="0 0 * * *", zone=zone).next_after(0)
