"""What fires, what was missed, what may overlap, which state follows which: pure rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.errors import BadInput, IllegalTransition
from qntx.model.firing_policy import (
    MAX_RECORDED,
    ON_TIME_US,
    Missed,
    Overlap,
    catch_up,
    on_overlap,
    parse_missed,
    parse_overlap,
)
from qntx.model.schedule import MOVES, NewSchedule, ScheduleState, check_move, timing_of
from qntx.model.timing import Timing
from tests.support.schedule_bench import HOUR, MICRO, MINUTE

EVERY_MINUTE = Timing(every_s=60, anchor_us=0)
policies = st.one_of(
    st.just(Missed("skip", 0)),
    st.just(Missed("one", 1)),
    st.integers(1, 40).map(lambda n: Missed("all", n)),
)


def test_an_instant_that_is_due_fires_under_every_policy() -> None:
    for policy in (Missed("skip", 0), Missed("one", 1), Missed("all", 5)):
        found = catch_up("SP_1", EVERY_MINUTE, 10 * MINUTE, 10 * MINUTE + MICRO, policy)
        assert (found.fire, found.missed, found.next_us) == ([10 * MINUTE], [], 11 * MINUTE)


def test_three_hours_down_with_one_run_a_minute() -> None:
    first, now = 10 * MINUTE, 10 * MINUTE + 3 * HOUR + 30 * MICRO
    for policy, runs in ((Missed("skip", 0), 0), (Missed("one", 1), 1), (Missed("all", 7), 7)):
        found = catch_up("SP_1", EVERY_MINUTE, first, now, policy)
        assert len(found.fire) == runs
        assert len(found.fire) + len(found.missed) == 181
        assert found.next_us == first + 3 * HOUR + MINUTE
        assert found.earlier_us is None


def test_skip_fires_the_newest_if_it_is_on_time() -> None:
    now = 10 * MINUTE + 3 * HOUR + MICRO
    found = catch_up("SP_1", EVERY_MINUTE, 10 * MINUTE, now, Missed("skip", 0))
    assert found.fire == [10 * MINUTE + 3 * HOUR]
    assert len(found.missed) == 180


def test_several_instants_within_seconds_are_all_on_time() -> None:
    timing = Timing(every_s=1, anchor_us=0)
    found = catch_up("SP_1", timing, 5 * MICRO, 9 * MICRO, Missed("skip", 0))
    assert found.fire == [n * MICRO for n in (5, 6, 7, 8, 9)]


def test_more_missed_instants_than_can_be_listed_are_said_as_one() -> None:
    timing = Timing(every_s=1, anchor_us=0)
    found = catch_up("SP_1", timing, 5 * MICRO, 10**6 * MICRO, Missed("one", 1))
    assert found.fire == [10**6 * MICRO]
    assert len(found.missed) == MAX_RECORDED
    assert found.earlier_us == 5 * MICRO
    assert found.next_us == (10**6 + 1) * MICRO


def test_a_single_instant_long_ago() -> None:
    at = 10 * MINUTE
    once = Timing(at_us=at)
    assert catch_up("SP_1", once, at, 2 * HOUR, Missed("one", 1)).fire == [at]
    skipped = catch_up("SP_1", once, at, 2 * HOUR, Missed("skip", 0))
    assert (skipped.fire, skipped.missed, skipped.next_us) == ([], [at], None)


@given(st.integers(1, 600), st.integers(0, 10**6), st.integers(0, 10**6), policies)
def test_every_instant_is_fired_or_missed_exactly_once(
    every_s: int, first_s: int, span_s: int, policy: Missed
) -> None:
    timing = Timing(every_s=every_s, anchor_us=first_s * MICRO)
    first = first_s * MICRO
    now = first + (span_s % (every_s * 300)) * MICRO
    found = catch_up("SP_1", timing, first, now, policy)
    everything = list(timing.walk(first, now))
    assert sorted(found.missed + found.fire) == everything
    assert found.missed == sorted(found.missed)
    assert all(missed < fired for missed in found.missed for fired in found.fire)
    if now - first > ON_TIME_US:
        assert len(found.fire) <= max(1, policy.limit)
    assert found.next_us == timing.next_after(now)


@given(st.integers(0, 3600), st.integers(0, 7199), policies)
def test_nothing_fires_before_it_is_due(jitter_s: int, late_s: int, policy: Missed) -> None:
    timing = Timing(every_s=7200, anchor_us=0, jitter_s=jitter_s)
    due = timing.due("SP_1", 0)
    now = late_s * MICRO
    found = catch_up("SP_1", timing, 0, now, policy)
    assert (found.fire + found.missed == [0]) == (due <= now)


@pytest.mark.parametrize(
    ("policy", "active", "waiting", "late", "action"),
    [
        (Overlap("skip"), 0, 0, False, "run"),
        (Overlap("skip"), 1, 0, False, "skip"),
        (Overlap("skip"), 1, 0, True, "wait"),
        (Overlap("queue"), 0, 0, False, "run"),
        (Overlap("queue"), 1, 0, False, "wait"),
        (Overlap("queue"), 1, 1, False, "skip"),
        (Overlap("queue"), 1, 5, True, "wait"),
        (Overlap("parallel", 3), 2, 0, False, "run"),
        (Overlap("parallel", 3), 3, 0, False, "skip"),
        (Overlap("parallel", 3), 3, 0, True, "wait"),
        (Overlap("replace"), 0, 0, False, "run"),
        (Overlap("replace"), 1, 0, False, "replace"),
        (Overlap("replace"), 1, 1, False, "replace"),
        (Overlap("replace"), 1, 0, True, "wait"),
    ],
)
def test_overlap(policy: Overlap, active: int, waiting: int, late: bool, action: str) -> None:
    assert on_overlap(policy, active, waiting, late=late) == action


def test_policies_as_text() -> None:
    assert parse_overlap("parallel(3)") == Overlap("parallel", 3)
    assert parse_overlap(" queue ") == Overlap("queue")
    assert parse_missed("all(10)") == Missed("all", 10)
    assert parse_missed("skip") == Missed("skip", 0)
    for text in ("skip", "queue", "parallel(3)", "replace"):
        assert str(parse_overlap(text)) == text
    for text in ("skip", "one", "all(10)"):
        assert str(parse_missed(text)) == text


@pytest.mark.parametrize("text", ["", "parallel", "parallel(0)", "queue(2)", "PARALLEL(2)", "x(1)"])
def test_wrong_overlap(text: str) -> None:
    with pytest.raises(BadInput, match="not a valid overlap policy"):
        parse_overlap(text)


@pytest.mark.parametrize("text", ["", "all", "all(0)", "one(1)", "all(9999)", "all(1", "never"])
def test_wrong_missed(text: str) -> None:
    with pytest.raises(BadInput, match="not a valid missed-run policy"):
        parse_missed(text)


S = ScheduleState


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_moves(before: ScheduleState, after: ScheduleState) -> None:
    allowed = {
        S.ACTIVE: {S.PAUSED, S.STOPPING, S.INACTIVE, S.DELETED},
        S.PAUSED: {S.ACTIVE, S.INACTIVE, S.DELETED},
        S.STOPPING: {S.INACTIVE, S.DELETED},
        S.INACTIVE: {S.DELETED},
        S.DELETED: set(),
    }
    assert allowed[before] == MOVES[before]
    if after in allowed[before]:
        check_move("SP_1", before, after)
    else:
        with pytest.raises(IllegalTransition, match=f"SP_1 is {before}"):
            check_move("SP_1", before, after)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "nothing says when"),
        ({"every": "1h", "cron": "@daily"}, "an interval and cron say when"),
        ({"every": "1h", "interval_seconds": 5}, "both say when"),
        ({"every": "soon"}, "'soon'"),
        ({"interval_seconds": -1}, "-1 is below 1"),
        ({"cron": "61 * * * *"}, "'61' is not a valid minute"),
        ({"run_at": "tomorrow"}, "'tomorrow'"),
        ({"run_at": "2026-01-01T00:00:00"}, "with a zone"),
        ({"every": "1h", "time_zone": "Foo/Bar"}, "'Foo/Bar'"),
        ({"every": "1h", "overlap": "both"}, "'both'"),
        ({"every": "1h", "missed": "x"}, "'x'"),
        (
            {"every": "1h", "start_at": "2026-01-02T00:00:00Z", "end_at": "2026-01-01T00:00:00Z"},
            "lies before start_at",
        ),
    ],
)
def test_a_schedule_that_cannot_be(fields: dict[str, object], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        timing_of(NewSchedule(**fields), 0)  # type: ignore[arg-type]
