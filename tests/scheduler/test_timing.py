"""Next instants: the laws that they obey, whatever the timing."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.clock import from_iso, iso
from qntx.errors import BadInput
from qntx.model.cron import parse_cron
from qntx.model.durations import parse_duration, show_duration
from qntx.model.schedule import NewSchedule, timing_of
from qntx.model.timing import Timing, parse_timing
from qntx.model.zones import zone_of
from tests.support.schedule_bench import MICRO

from .reference_cron import Reference

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Australia/Adelaide",
    "UTC",
)
FIRST = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2035, 12, 31, tzinfo=UTC).timestamp())
#: Days on which some of the zones above change their clocks.
CHANGES = [
    int(datetime(y, m, d, tzinfo=UTC).timestamp())
    for y, m, d in (
        (2026, 3, 28),
        (2026, 10, 24),
        (2027, 3, 13),
        (2027, 11, 6),
        (2028, 4, 1),
        (2028, 9, 30),
        (2026, 4, 23),
        (2026, 10, 29),
        (2030, 10, 5),
        (2031, 4, 5),
    )
]

instants = st.integers(FIRST, LAST).map(lambda s: s * MICRO)


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    pair = st.tuples(one, one).map(sorted)
    return st.one_of(
        st.just("*"),
        one.map(str),
        pair.map(lambda p: f"{p[0]}-{p[1]}"),
        st.integers(2, max(2, high // 2)).map(lambda n: f"*/{n}"),
        st.lists(one, min_size=2, max_size=3).map(lambda v: ",".join(map(str, v))),
        st.tuples(pair, st.integers(1, 9)).map(lambda v: f"{v[0][0]}-{v[0][1]}/{v[1]}"),
    )


expressions = st.tuples(
    numbers(0, 59),
    numbers(0, 23),
    st.one_of(st.just("*"), numbers(1, 28)),
    st.just("*"),
    st.one_of(st.just("*"), numbers(0, 6)),
).map(" ".join)


@settings(max_examples=150)
@given(
    expressions,
    st.sampled_from(ZONES),
    st.one_of(st.sampled_from(CHANGES), instants.map(lambda us: us // MICRO // 86_400 * 86_400)),
)
def test_cron_agrees_with_a_walk_minute_by_minute(text: str, zone_name: str, day: int) -> None:
    zone = zone_of(zone_name)
    last = day + 2 * 86_400
    expected = Reference(text).instants(day, last, zone)
    cron, found = parse_cron(text), []
    at = cron.next_after(day * MICRO - 1, zone)
    while at is not None and at <= last * MICRO:
        found.append(at // MICRO)
        at = cron.next_after(at, zone)
    assert found == expected


@settings(max_examples=200)
@given(expressions, st.sampled_from(ZONES), instants, st.integers(0, MICRO))
def test_next_is_later_and_nothing_lies_between(
    text: str, zone: str, at: int, fraction: int
) -> None:
    timing = Timing(cron=text, zone=zone)
    found = timing.next_after(at + fraction)
    if found is None:
        return
    assert found > at + fraction
    assert found % MICRO == 0
    middle = at + fraction + (found - at - fraction) // 2
    if middle < found:
        assert timing.next_after(middle) == found
    assert timing.next_after(found - 1) == found


@given(st.integers(1, 10**8), instants, instants)
def test_an_interval_never_drifts(every_s: int, anchor: int, at: int) -> None:
    timing = Timing(every_s=every_s, anchor_us=anchor)
    found = timing.next_after(at)
    assert found is not None
    assert found > at
    assert (found - anchor) % (every_s * MICRO) == 0
    assert found == anchor or found - at <= every_s * MICRO


@given(st.integers(1, 3600), instants, st.integers(1, 50), st.integers(0, 10**6))
def test_the_newest_are_the_end_of_the_walk(
    every_s: int, first: int, number: int, span_s: int
) -> None:
    timing = Timing(every_s=every_s, anchor_us=first)
    until = first + (span_s % (every_s * 200)) * MICRO
    walked = list(timing.walk(first, until))
    assert timing.newest(first, until, number) == walked[-number:]


@settings(max_examples=30)
@given(expressions, instants, st.integers(1, 20), st.integers(0, 5 * 86_400))
def test_the_newest_of_a_cron_expression_too(text: str, at: int, number: int, span: int) -> None:
    timing = Timing(cron=text, zone="Europe/Berlin")
    first = timing.next_after(at)
    if first is None:
        return
    until = first + span * MICRO
    assert timing.newest(first, until, number) == list(timing.walk(first, until))[-number:]


@given(st.integers(0, 3600), instants, st.text(min_size=1, max_size=20))
def test_jitter_is_the_same_for_the_same_instant_and_within_bounds(
    jitter_s: int, at: int, schedule: str
) -> None:
    timing = Timing(every_s=60, jitter_s=jitter_s)
    assert timing.due(schedule, at) == timing.due(schedule, at)
    assert 0 <= timing.due(schedule, at) - at <= jitter_s * MICRO


def test_jitter_spreads() -> None:
    timing = Timing(every_s=60, jitter_s=600)
    late = {timing.due(f"SP_{n}", 0) // (60 * MICRO) for n in range(200)}
    assert len(late) >= 9


def test_no_instant_lies_outside_of_the_window() -> None:
    start, end = from_iso("2026-03-01T00:00:00Z"), from_iso("2026-03-02T00:00:00Z")
    timing = Timing(cron="0 */6 * * *", start_us=start, end_us=end)
    found = list(timing.walk(timing.next_after(0), end + 10**12))
    assert [iso(at)[8:13] for at in found] == ["01T00", "01T06", "01T12", "01T18", "02T00"]
    assert timing.next_after(end) is None


def test_once_is_once() -> None:
    at = from_iso("2026-03-01T00:00:00Z")
    timing = Timing(at_us=at)
    assert timing.next_after(0) == at
    assert timing.next_after(at) is None


def test_six_fields_have_the_seconds_first() -> None:
    timing = Timing(cron="*/20 30 12 * * *")
    first = timing.next_after(from_iso("2026-01-01T00:00:00Z"))
    assert first is not None
    assert [iso(at)[11:19] for at in timing.walk(first, first + 50 * MICRO)] == [
        "12:30:00",
        "12:30:20",
        "12:30:40",
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("@hourly", "2026-01-01T01:00"),
        ("@daily", "2026-01-02T00:00"),
        ("@weekly", "2026-01-04T00:00"),
        ("@monthly", "2026-02-01T00:00"),
        ("@yearly", "2027-01-01T00:00"),
        ("0 9 * * MON-FRI", "2026-01-01T09:00"),
        ("0 0 L * *", "2026-01-31T00:00"),
        ("0 0 * FEB 5L", "2026-02-27T00:00"),
        ("0 12 * * MON#1", "2026-01-05T12:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 LW * *", "2026-01-30T00:00"),
        ("0 0 * * 7", "2026-01-04T00:00"),
    ],
)
def test_names_and_aliases(text: str, first: str) -> None:
    found = parse_cron(text).next_after(from_iso("2026-01-01T00:00:00Z"), zone_of("UTC"))
    assert found is not None
    assert iso(found).startswith(first)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("61 * * * *", "'61' is not a valid minute"),
        ("0 24 * * *", "'24' is not a valid hour"),
        ("0 0 32 * *", "'32' is not a valid day-of-month"),
        ("0 0 31 2 *", "month 2 has no day 31"),
        ("0 0 * FOO *", "'FOO' is not a valid month"),
        ("0 0 * * 8", "'8' is not a valid day-of-week"),
        ("* * *", "it has 3 fields"),
        ("@never", "not a valid cron expression"),
        ("", "0 fields"),
        ("60 * * * * *", "'60' is not a valid second"),
        ("a" * 500, "not a valid cron expression"),
        ("*/0 * * * *", "'*/0' is not a valid minute"),
        ("5-1 * * * *", "'5-1' is not a valid minute"),
    ],
)
def test_a_wrong_expression_names_its_field(text: str, named: str) -> None:
    with pytest.raises(BadInput, match=named.replace("*", r"\*")):
        parse_cron(text)


@pytest.mark.parametrize(
    ("text", "low", "high", "step"),
    [
        ("H * * * *", 0, 59, None),
        ("H(10-19) 3 * * *", 10, 19, None),
        ("H/15 * * * *", 0, 59, 15),
        ("H(30-59)/10 * * * *", 30, 59, 10),
    ],
)
def test_h_is_one_value_for_each_schedule_and_stays(
    text: str, low: int, high: int, step: int | None
) -> None:
    start = from_iso("2026-01-01T03:00:00Z") - 1
    firsts = set()
    for number in range(300):
        seed = f"SP_{number}"
        found = Timing(cron=text, seed=seed)
        first = found.next_after(start)
        assert first is not None
        assert Timing(cron=text, seed=seed).next_after(start) == first
        minute = int(iso(first)[14:16])
        assert low <= minute <= high
        firsts.add(minute)
        if step is not None:
            second = found.next_after(first)
            assert second is not None
            assert second - first == step * 60 * MICRO
    assert len(firsts) == (step or high - low + 1), "all of them are used"


def test_h_in_every_field() -> None:
    found = parse_cron("H H H H H H", "SP_1")
    values = [int(value) for value in found.expression.split()]
    limits = [(0, 59), (0, 59), (0, 23), (1, 28), (1, 12), (0, 6)]
    assert all(a <= value <= b for value, (a, b) in zip(values, limits, strict=True))
    assert parse_cron("5,H(10-10) * * * *", "x").expression == "5,10 * * * *"
    assert parse_cron("0 0 * MAR THU", "x").expression == "0 0 * MAR THU"
    assert Timing(cron="H 3 * * *", seed="SP_1").describe().startswith("cron H 3 * * *, here ")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("H(5-70) * * * *", "'H(5-70)' is not a valid minute"),
        ("0 HX * * *", "'HX' is not a valid hour"),
        ("H(9-5) * * * *", "'H(9-5)' is not a valid minute"),
        ("H/0 * * * *", "'H/0' is not a valid minute"),
        ("0 0 H/30 * *", "'H/30' is not a valid day-of-month"),
    ],
)
def test_a_wrong_h_names_its_field(text: str, named: str) -> None:
    with pytest.raises(BadInput, match=re.escape(named)):
        parse_cron(text)


@pytest.mark.parametrize("prefix", ["CRON_TZ", "TZ"])
def test_a_zone_in_the_expression_goes_before_the_schedules_own(prefix: str) -> None:
    text = f"{prefix}=Asia/Tokyo 0 9 * * *"
    assert parse_timing(text) == {"cron": "0 9 * * *", "time_zone": "Asia/Tokyo"}
    new = NewSchedule(handler_name="x", cron=text, time_zone="Europe/Berlin")
    timing = timing_of(new, 0)
    first = timing.next_after(from_iso("2026-01-01T00:00:01Z"))
    assert (timing.cron, timing.zone) == ("0 9 * * *", "Asia/Tokyo")
    assert iso(first or 0).startswith("2026-01-02T00:00:00")
    with pytest.raises(BadInput, match="Nowhere/Land"):
        timing_of(NewSchedule(handler_name="x", cron="CRON_TZ=Nowhere/Land 0 9 * * *"), 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h", 21_600),
        ("90s", 90),
        ("1h30m", 5_400),
        ("2 days", 172_800),
        ("1w 1s", 604_801),
        ("15 min", 900),
        ("1 hour 30 minutes", 5_400),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(1, 10**8))
def test_a_shown_duration_reads_back(seconds: int) -> None:
    assert parse_duration(show_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "5", "5x", "0s", "3 months", "1h x", "-1h", "99999w", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadInput):
        parse_duration(text)


def test_texts_that_say_when() -> None:
    assert parse_timing("every 6h") == {"interval_seconds": 21_600}
    assert parse_timing("90s") == {"interval_seconds": 90}
    assert parse_timing("@daily") == {"cron": "@daily"}
    assert parse_timing("0 9 * * 1-5") == {"cron": "0 9 * * 1-5"}
    assert parse_timing("2026-12-24T18:00:00+01:00") == {"run_at": "2026-12-24T17:00:00.000000Z"}
    with pytest.raises(BadInput, match="not a valid time with a zone"):
        parse_timing("2026-12-24T18:00:00")
