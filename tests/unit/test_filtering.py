"""The filter of lines against an oracle that looks at every line with Python's own means."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.clock import iso
from qntx.errors import BadInput
from qntx.indexer.sequencing import LARGE_MESSAGE_BYTES
from qntx.model.filtering import parse_filter
from qntx.model.log import level_name
from qntx.model.text_match import TextMatch, fold
from qntx.model.views import Histogram, LogFilter
from qntx.storage.sqlite import text_export as export
from qntx.storage.sqlite.histogram import BLOCK_LINES, step_of
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, store

#: Letters that test folding, a NUL, what LIKE and GLOB and patterns take for more than text.
ALPHABET = "abkAKsS01%_*.ä\x00Ä日ς\n"
LOGGERS = (None, "a", "a.b", "a.bc", "a.b.c", "A.b")
PATTERNS = ("a.?b", "[kK]s", "^a", "b$", "a+0", "k|日", "(?i:Ä)s", "\\d", "a{2}", "(a|b)0*1", "s")

words = st.text(ALPHABET, max_size=6)
messages = st.one_of(
    words.map(str.encode),
    st.tuples(words, st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"]), words).map(
        lambda three: three[0].encode() + three[1] + three[2].encode()
    ),
)
lines = st.builds(
    Said,
    message=messages,
    level=st.sampled_from([5, 10, 20, 25, 30, 40, 50]),
    stage=st.sampled_from([None, "s", "t"]),
    task=st.sampled_from([None, "s", "x"]),
    source=st.sampled_from(["emitter", "logging", "stdout"]),
    logger=st.sampled_from(LOGGERS),
    at_us=st.integers(0, 4),
    metadata=st.just(b""),
    marks=st.just(0),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "min_level": st.sampled_from([20, 25, 30]),
        "sources": st.sampled_from([("emitter",), ("logging", "stdout")]),
        "logger": st.sampled_from(["a", "a.b", "a.", "A"]),
        "stage": st.sampled_from(["", "s"]),
        "task_id": st.sampled_from(["s", "x"]),
        "since_us": st.integers(0, 4),
        "until_us": st.integers(0, 4),
    },
)
needles = st.one_of(
    st.builds(TextMatch, words.filter(bool), st.booleans(), st.just(False)),
    st.builds(TextMatch, st.sampled_from(PATTERNS), st.booleans(), st.just(True)),
)


def fits(said: Said, wanted: dict[str, Any]) -> bool:
    """Whether a line is wanted, but for its message."""
    logger = wanted.get("logger")
    mine = said.logger or ""
    prefix = f"{logger}".rstrip(".") + "."
    return (
        said.level >= wanted.get("min_level", -99)
        and said.source in wanted.get("sources", [said.source])
        and (logger is None or mine == logger or mine.startswith(prefix))
        and ("stage" not in wanted or (said.stage or "") == wanted["stage"])
        and (
            "task_id" not in wanted
            or said.task == wanted["task_id"]
            or (said.task is None and said.stage == wanted["task_id"])
        )
        and wanted.get("since_us", 0) <= said.at_us < wanted.get("until_us", 99)
    )


def holds(message: bytes, needle: TextMatch) -> bool:
    """Whether a message holds a needle: by bytes, or by Python's patterns."""
    text = message.decode("utf-8", "surrogateescape")
    if needle.regex:
        pattern = needle.text.replace("$", "\\Z")
        return re.search(pattern, text, 0 if needle.case else re.I) is not None
    if needle.case:
        return needle.text.encode() in message
    parts = [
        f"[{c.lower()}{c.upper()}]"
        if c.isascii() and c.isalpha()
        else re.escape(c)
        if c.isascii()
        else f"(?i:{c})"
        for c in needle.text
    ]
    return re.search("".join(parts), text) is not None


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(open_database(tmp_path / "qntx.db")) as connection:
        yield connection


def clear(db: apsw.Connection) -> None:
    for table in ("log_lines", "log_contexts", "log_bodies", "job_attempts", "async_ix_jobs"):
        db.execute(f"DELETE FROM {table}")


def check_histogram(found: Histogram, said: list[Said], most: int = 3) -> None:
    """Each line counts in the bucket of its time, by its level, and no bucket is empty."""
    step = found.step_us or 1
    expected: dict[str, Counter[str]] = {}
    for line in said:
        names = expected.setdefault(iso(line.at_us // step * step), Counter())
        names.update((level_name(line.level), "total"))
    shown = {
        b.at: {n: c for n, c in msgspec.structs.asdict(b.counts).items() if c}
        for b in found.buckets
    }
    assert shown == expected
    assert list(shown) == sorted(shown)
    assert found.total_count == len(said)
    assert len(found.buckets) <= most


@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(said=st.lists(lines, max_size=12), wanted=filters, needle=st.none() | needles)
def test_what_is_found_is_what_fits(
    db: apsw.Connection, said: list[Said], wanted: dict[str, Any], needle: TextMatch | None
) -> None:
    clear(db)
    store(db, "JB_1", said)
    if needle is not None:
        wanted |= {"text": needle.text, "case": needle.case, "regex": needle.regex}
    expected = [
        number
        for number, line in enumerate(said, 1)
        if fits(line, wanted) and (needle is None or holds(line.message, needle))
    ]
    logs = LogStore(db)
    page = logs.page("JB_1", LogFilter(**wanted))
    assert [line.id for line in page.logs] == expected
    assert page.total_count == len(expected)
    check_histogram(logs.histogram("JB_1", LogFilter(**wanted), 3), [said[n - 1] for n in expected])
    if needle is not None:
        for number in expected:
            assert all(p in fold(said[number - 1].message) for p in needle.pieces()), needle


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(lines, min_size=1, max_size=25), wanted=filters, limit=st.integers(1, 9))
def test_pages_of_any_size_and_direction_are_the_whole(
    db: apsw.Connection, said: list[Said], wanted: dict[str, Any], limit: int
) -> None:
    clear(db)
    for attempt, part in enumerate((said, said[::-1], said[:3]), 1):
        store(db, "JB_1", part, attempt)
    logs, shown = LogStore(db), LogFilter(**wanted)
    whole = [(x.attempt, x.id) for x in logs.page("JB_1", shown, limit=1000).logs]

    def walk(**place: Any) -> tuple[list[tuple[int, int]], Any]:
        page = logs.page("JB_1", shown, limit=limit, **place)
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


@pytest.mark.parametrize("size", [LARGE_MESSAGE_BYTES, LARGE_MESSAGE_BYTES + 1, 3_000_000])
def test_the_end_of_a_long_message_is_searched(db: apsw.Connection, size: int) -> None:
    end = "é the End"
    raw = b"\xff" + b"y" * size + end.encode()
    store(db, "JB_1", [Said(b"x" * size + end.encode()), Said(b"the end"), Said(raw)])
    logs = LogStore(db)

    def found(**words: Any) -> list[int]:
        return [x.id for x in logs.page("JB_1", parse_filter(**words)).logs]

    assert found(q="the end") == [1, 2, 3]
    assert found(q="É THE") == [1, 3]
    assert found(q="the End", case=True) == [1, 3]
    assert found(q="the .nd$", regex=True) == [1, 2, 3]
    assert found(q="^x+.{2}the", regex=True) == [1]
    assert found(q="x$", regex=True) == []


def test_exports_hold_what_pages_hold(db: apsw.Connection, tmp_path: Path) -> None:
    said = [
        Said(f"line {n}".encode(), 10 * (1 + n % 5), logger=LOGGERS[n % 6], at_us=n)
        for n in range(200)
    ]
    store(db, "JB_1", said)
    for words in (
        {"q": "NE 1"},
        {"q": "1.$", "regex": True},
        {"logger": "a.b"},
        {"level": "warn"},
        {"since": "1970-01-01T00:00:00.000150Z"},
    ):
        wanted = parse_filter(**words)  # type: ignore[arg-type]
        page = LogStore(db).page("JB_1", wanted)
        assert 0 < len(page.logs) < 200
        text = b"".join(export.text(tmp_path / "qntx.db", "JB_1", wanted))
        assert text.decode().splitlines() == [line.message for line in page.logs]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"q": "abc[", "regex": True}, "missing ]: [ (at character 4)"),
        ({"q": "a(b", "regex": True}, "missing ): a(b (at its end, character 3)"),
        ({"q": "x" * 1_025, "regex": True}, "longer than 1,024 bytes"),
        ({"q": "(\\pL{1,999})" * 9, "regex": True}, "pattern too large"),
        ({"level": "loud"}, "'loud' is not a valid level"),
        ({"source": "stdout,nowhere"}, "'nowhere' is not a valid source"),
        ({"since": "yesterday"}, "since: 'yesterday' is not a valid time"),
        ({"until": "2026-01-01T00:00:00"}, "until: '2026-01-01T00:00:00' is not a valid time"),
    ],
)
def test_what_cannot_be_used_is_named(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=re.escape(sentence)):
        parse_filter(**words)


def test_a_plus_that_was_not_encoded_is_a_zone() -> None:
    plain = parse_filter(since="2026-01-01T01:00:00+01:00")
    assert plain == parse_filter(since="2026-01-01T01:00:00 01:00")
    assert plain == parse_filter(since="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("abc[0-9]+def", ["abc", "def"]),
        ("a{0,3}bcd", ["bcd"]),
        ("abc|def", []),
        ("er*or.*(x|y)z{2}t", ["e", "or", "z", "t"]),
        (r"\d+ms\.ok", ["ms.ok"]),
        ("(?i)abc", []),
        ("[]a]bcd", ["bcd"]),
        ("[[:alpha:]]xyz+q", ["xyz", "q"]),
        (r"a \[7\]", ["a [7]"]),
        ("a{,5}b", []),
        ("(a(b|c)d)ef", ["ef"]),
        ("x?yz", ["yz"]),
        (r"\Q(\E)ab", []),
        (r"(?:a|b)cd", ["cd"]),
        (r"\x41bc\pNde\x{41}f", ["bc", "de", "f"]),
        ("éa Ab", ["a ab"]),
        ("日本", ["日本"]),
        ("\u212aa", ["a"]),
    ],
)
def test_what_a_pattern_cannot_do_without(pattern: str, pieces: list[str]) -> None:
    assert TextMatch(pattern, regex=True).pieces() == [piece.encode() for piece in pieces]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.lists(lines, max_size=8), max_size=6), limit=st.integers(1, 5))
def test_lines_of_a_task(db: apsw.Connection, parts: list[list[Said]], limit: int) -> None:
    clear(db)
    whole: list[tuple[str, int, int, Said]] = []
    for number, part in enumerate(parts):
        job_id, attempt = f"JB_{number % 3}", 1 + number // 3
        store(db, job_id, part, attempt)
        whole += [(job_id, attempt, seq, said) for seq, said in enumerate(part, 1)]
    logs = LogStore(db)
    for job_id in (None, "JB_0", "JB_2"):
        expected = [
            (job, attempt, seq)
            for job, attempt, seq, said in whole
            if said.task == "x" and job_id in (None, job)
        ]
        if job_id is None:
            expected.reverse()
        found: list[Any] = []
        cursor = None
        while True:
            page = logs.task("x", job_id, limit, cursor)
            assert page.total_count == len(expected)
            found += [(line.job_id, line.attempt, line.id) for line in page.logs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == expected


def test_buckets_are_of_a_round_length_and_few_enough() -> None:
    rand = random.Random(3)
    for _ in range(5_000):
        first = rand.randrange(2_000_000_000_000_000)
        last = first + rand.randrange(10 ** rand.randrange(1, 17))
        most = rand.randrange(1, 301)
        step = step_of(first, last, most)
        assert last // step - first // step < most, (first, last, most)
        finer = step_of(first, last, 300)
        assert finer <= step
    assert step_of(0, 59_999_999, 60) == 1_000_000
    assert step_of(0, 60_000_000, 60) == 2_000_000
    assert step_of(7, 7, 1) == 1


@pytest.mark.parametrize("shuffled", [False, True])
def test_lines_over_time_of_a_long_log(db: apsw.Connection, shuffled: bool) -> None:
    """Of more lines than are counted at once; times in order, or in none at all."""
    rand = random.Random(5)
    said = [Said(level=10, at_us=n * 700) for n in range(3 * BLOCK_LINES)]
    said += [
        Said(level=rand.choice([10, 20, 30, 40, 50]), at_us=3_000_000 + n * 3_000)
        for n in range(2 * BLOCK_LINES + 7)
    ]
    if shuffled:
        rand.shuffle(said)
    store(db, "JB_1", said)
    logs = LogStore(db)
    check_histogram(logs.histogram("JB_1", LogFilter(), 100), said, 100)
    wanted = LogFilter(since_us=1_000_000, until_us=4_000_001, min_level=20)
    fitting = [line for line in said if 1_000_000 <= line.at_us <= 4_000_000 and line.level >= 20]
    check_histogram(logs.histogram("JB_1", wanted, 7), fitting, 7)
    at_once = [Said(level=10, at_us=5)] * BLOCK_LINES
    store(db, "JB_2", at_once)
    check_histogram(logs.histogram("JB_2", LogFilter(), 7), at_once, 7)


def test_a_byte_that_is_no_text_is_one_character_to_a_pattern(db: apsw.Connection) -> None:
    """What a program wrote in Latin-1 is read with a sign in its place, and found as it is read."""
    messages = [b"caf\xe9 timeout", b"caf\xc3\xa9 timeout", b"caf timeout"]
    store(db, "JB_1", [Said(m, 20, None, None, "stdout", None, 0, b"", 0) for m in messages])
    for pattern, numbers in {
        "caf. timeout": [1, 2],
        "^caf.* t": [1, 2, 3],
        "caf[^a-z] t": [1, 2],
        "f\\W t": [1, 2],
    }.items():
        page = LogStore(db).page("JB_1", LogFilter(text=pattern, regex=True))
        assert [line.id for line in page.logs] == numbers, pattern
