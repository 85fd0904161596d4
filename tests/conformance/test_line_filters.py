"""The filter of lines against an oracle that looks at every line with Python's own means."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.model.filtering import parse_filter
from qntx.model.ids import new_id
from qntx.model.text_match import TextMatch, fold
from qntx.model.views import LogFilter
from qntx.storage.interfaces import Store
from tests.support.line_oracle import check_histogram, filters, fits, holds, lines, logs, needles
from tests.support.log_rows import Said

from .small_indexer import SmallIndexer

LARGE = 64 << 10
BLOCK_LINES = 1_024
#: Every example has words of its own, in one store.
EXAMPLES = count()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(
    max_examples=300,
    suppress_health_check=QUIET,
)
@given(said=logs, wanted=filters, needle=st.none() | needles)
def test_what_is_found_is_what_fits(
    store: Store,
    indexer: SmallIndexer,
    said: list[Said],
    wanted: dict[str, Any],
    needle: TextMatch | None,
) -> None:
    job = indexer.log(said)
    if needle is not None:
        wanted |= {"text": needle.text, "case": needle.case, "regex": needle.regex}
    expected = [
        number
        for number, line in enumerate(said, 1)
        if fits(line, wanted) and (needle is None or holds(line.message, needle))
    ]
    page = store.logs.page(job, LogFilter(**wanted))
    assert [line.id for line in page.logs] == expected
    assert page.total_count == len(expected)
    histogram = store.logs.histogram(job, LogFilter(**wanted), 3)
    check_histogram(histogram, [said[n - 1] for n in expected])
    if needle is not None:
        for number in expected:
            assert all(p in fold(said[number - 1].message) for p in needle.pieces()), needle


@settings(max_examples=60, suppress_health_check=QUIET)
@given(said=logs, wanted=filters, limit=st.integers(1, 9))
def test_pages_of_any_size_and_direction_are_the_whole(
    store: Store, indexer: SmallIndexer, said: list[Said], wanted: dict[str, Any], limit: int
) -> None:
    job = ""
    for attempt, part in enumerate((said, said[::-1], said[:3]), 1):
        job = indexer.log(part, job, attempt=attempt)
    shown = LogFilter(**wanted)
    whole = [(x.attempt, x.id) for x in store.logs.page(job, shown, limit=1000).logs]

    def walk(**place: Any) -> tuple[list[tuple[int, int]], Any]:
        page = store.logs.page(job, shown, limit=limit, **place)
        return [(x.attempt, x.id) for x in page.logs], page

    found, page = walk()
    while page.next_cursor is not None:
        part, page = walk(after=page.next_cursor)
        found += part
    assert found == whole
    found, page = walk(before=str((1 << 32) - 1))
    while page.prev_cursor is not None:
        part, page = walk(before=page.prev_cursor)
        found = part + found
    assert found == whole
    for around in (0, 1, len(said[:3]) // 2, 4):
        found, page = walk(around=around)
        assert len(found) == min(limit, len(whole))
        first = whole.index(found[0]) if found else 0
        assert found == whole[first : first + limit]
        assert (page.prev_cursor is not None) == (first > 0)
        assert (page.next_cursor is not None) == (first + len(found) < len(whole))
        after = sum(place >= (3, around) for place in found)
        missing = sum(place >= (3, around) for place in whole) > after
        assert not missing or after >= limit - limit // 2


def test_a_time_from_on_is_in_it_and_its_end_is_not(store: Store, indexer: SmallIndexer) -> None:
    job = indexer.log([Said(at_us=at_us) for at_us in range(5)])
    page = store.logs.page(job, LogFilter(since_us=1, until_us=3))
    assert [line.id for line in page.logs] == [2, 3]
    assert page.total_count == 2


@pytest.mark.parametrize("size", [LARGE, LARGE + 1, 3_000_000])
def test_the_end_of_a_long_message_is_searched(
    store: Store, indexer: SmallIndexer, size: int
) -> None:
    end = "é the End"
    raw = b"\xff" + b"y" * size + end.encode()
    job = indexer.log([Said(b"x" * size + end.encode()), Said(b"the end"), Said(raw)])

    def found(**words: Any) -> list[int]:
        return [x.id for x in store.logs.page(job, parse_filter(**words)).logs]

    assert found(q="the end") == [1, 2, 3]
    assert found(q="É THE") == [1, 3]
    assert found(q="the End", case=True) == [1, 3]
    assert found(q="the .nd$", regex=True) == [1, 2, 3]
    assert found(q="^x+.{2}the", regex=True) == [1]
    assert found(q="x$", regex=True) == []


@settings(max_examples=60, suppress_health_check=QUIET)
@given(parts=st.lists(st.lists(lines, max_size=8), max_size=6), limit=st.integers(1, 5))
def test_lines_of_a_task(
    store: Store, indexer: SmallIndexer, parts: list[list[Said]], limit: int
) -> None:
    jobs, task = [new_id("JB") for _ in range(3)], f"task {next(EXAMPLES)}"
    whole: list[tuple[str, int, int]] = []
    for number, part in enumerate(parts):
        mine = [line._replace(task=task) if line.task == "x" else line for line in part]
        job, attempt = jobs[number % 3], 1 + number // 3
        indexer.log(mine, job, attempt=attempt)
        whole += [(job, attempt, seq) for seq, line in enumerate(mine, 1) if line.task == task]
    for one in (None, jobs[0], jobs[2]):
        expected = [place for place in whole if one in (None, place[0])]
        if one is None:
            expected.reverse()
        found: list[tuple[str | None, int, int]] = []
        cursor = None
        while True:
            page = store.logs.task(task, one, limit, cursor)
            assert page.total_count == len(expected)
            found += [(line.job_id, line.attempt, line.id) for line in page.logs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == expected


@pytest.mark.parametrize("shuffled", [False, True])
def test_lines_over_time_of_a_long_log(store: Store, indexer: SmallIndexer, shuffled: bool) -> None:
    """Of more lines than are counted at once; times in order, or in none at all."""
    rand = random.Random(5)
    said = [Said(level=10, at_us=n * 700) for n in range(3 * BLOCK_LINES)]
    said += [
        Said(level=rand.choice([10, 20, 30, 40, 50]), at_us=3_000_000 + n * 3_000)
        for n in range(2 * BLOCK_LINES + 7)
    ]
    if shuffled:
        rand.shuffle(said)
    job = indexer.log(said)
    check_histogram(store.logs.histogram(job, LogFilter(), 100), said, 100)
    wanted = LogFilter(since_us=1_000_000, until_us=4_000_001, min_level=20)
    fitting = [line for line in said if 1_000_000 <= line.at_us <= 4_000_000 and line.level >= 20]
    check_histogram(store.logs.histogram(job, wanted, 7), fitting, 7)
    at_once = [Said(level=10, at_us=5)] * BLOCK_LINES
    other = indexer.log(at_once)
    check_histogram(store.logs.histogram(other, LogFilter(), 7), at_once, 7)


def test_a_byte_that_is_no_text_is_one_character_to_a_pattern(
    store: Store, indexer: SmallIndexer
) -> None:
    """What a program wrote in Latin-1 is read with a sign in its place, and found as it is read."""
    messages = [b"caf\xe9 timeout", b"caf\xc3\xa9 timeout", b"caf timeout"]
    job = indexer.log([Said(message, source="stdout") for message in messages])
    for pattern, numbers in {
        "caf. timeout": [1, 2],
        "^caf.* t": [1, 2, 3],
        "caf[^a-z] t": [1, 2],
        "f\\W t": [1, 2],
    }.items():
        page = store.logs.page(job, LogFilter(text=pattern, regex=True))
        assert [line.id for line in page.logs] == numbers, pattern
