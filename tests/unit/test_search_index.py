"""The search index: whatever it covers, the answers are those of looking at every line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.indexer import search_index
from qntx.indexer.search_index import SearchIndex
from qntx.model.grams import grams, may_hold, signature
from qntx.model.text_match import TextMatch, fold
from qntx.model.views import LogFilter
from qntx.storage.interfaces.search_index import Unindexed
from qntx.storage.sqlite import line_query, search_blocks
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.search_blocks import Candidates, forget_run
from qntx.storage.sqlite.search_index_writer import SqliteSearchIndexWriter
from tests.support.line_oracle import filters, fits, holds, lines, needles
from tests.support.log_rows import Said, clear, store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "qntx.db"


@pytest.fixture
def db(path: Path) -> Iterator[apsw.Connection]:
    with closing(open_database(path)) as connection:
        yield connection


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five lines, used from the first line on."""
    monkeypatch.setattr(search_index, "BLOCK_LINES", 5)
    monkeypatch.setattr(search_blocks, "FEW_LINES", 0)
    monkeypatch.setattr(search_blocks, "SPAN_LINES", 7)


def build(path: Path) -> int:
    """Index all that fills a block; how many blocks that were."""
    index = SearchIndex(SqliteSearchIndexWriter(path))
    index._numpy = numpy
    try:
        return sum(1 for _ in iter(lambda: index.turn(idle=True), False))
    finally:
        index.close()


def covered(db: apsw.Connection) -> list[int]:
    """The ids that segments cover, and that every attempt's progress agrees."""
    ids: list[int] = []
    for first, last in db.execute("SELECT first_id, last_id FROM search_segments ORDER BY 1"):
        ids += range(first, last + 1)
    assert len(ids) == len(set(ids))
    for key, indexed in db.execute("SELECT run_key, indexed FROM job_attempts"):
        assert sum(i >> 32 == key for i in ids) == indexed
    return ids


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(
        st.tuples(st.integers(0, 3), st.lists(lines, max_size=9), st.booleans()), max_size=5
    ),
    rest=filters,
    needle=st.none() | needles,
)
@pytest.mark.usefixtures("small")
def test_answers_do_not_depend_on_what_is_indexed(
    path: Path,
    db: apsw.Connection,
    parts: list[tuple[int, list[Said], bool]],
    rest: dict[str, Any],
    needle: TextMatch | None,
) -> None:
    clear(db)
    db.execute("DELETE FROM search_blocks; DELETE FROM search_segments").fetchall()
    said: dict[str, list[Said]] = {}
    for job, part, index in parts:
        store(db, f"JB_{job}", part)
        said.setdefault(f"JB_{job}", []).extend(part)
        if index:
            build(path)
    assert len(covered(db)) % 5 == 0
    if needle is not None:
        rest |= {"text": needle.text, "case": needle.case, "regex": needle.regex}
    wanted = LogFilter(**rest)
    logs = LogStore(db)
    for job_id, mine in said.items():
        expected = [
            number
            for number, line in enumerate(mine, 1)
            if fits(line, rest) and (needle is None or holds(line.message, needle))
        ]
        page = logs.page(job_id, wanted, limit=2)
        assert page.total_count == len(expected)
        assert [x.id for x in page.logs] == expected[:2]
        page = logs.page(job_id, wanted, limit=3, before=str((1 << 32) - 1))
        assert [x.id for x in page.logs] == expected[-3:]
        assert [x.id for x, _ in logs.lines(job_id, wanted)] == expected
        for after in (2, 5, 7):
            page = logs.page(job_id, wanted, after=str(after), before="12")
            assert [x.id for x in page.logs] == [n for n in expected if after < n < 12]


@settings(max_examples=300)
@given(messages=st.lists(lines.map(lambda line: line.message), min_size=1), needle=needles)
def test_a_block_that_holds_a_match_may_hold_it(messages: list[bytes], needle: TextMatch) -> None:
    bits = signature(messages, numpy)
    if any(holds(message, needle) for message in messages):
        assert may_hold(bits, sorted(grams(needle.pieces())))


def test_a_block_tells_what_is_not_in_it() -> None:
    messages = [f"request {n:08x} took {n} ms".encode() for n in range(0, 1024 * 7919, 7919)]
    bits = signature(messages, numpy)
    strangers = [f"{n:08x}" for n in range(0xABCDE, 0xABCDE + 10_000_000, 10_007)]
    found = [may_hold(bits, sorted(grams(TextMatch(s).pieces()))) for s in strangers]
    assert sum(found) < len(found) * 0.02
    assert all(may_hold(bits, sorted(grams([fold(m)]))) for m in messages)


def test_few_words_need_few_bits() -> None:
    assert len(signature([b"the same again"] * 1024, numpy)) == 128
    assert may_hold(signature([b"the same again"], numpy), sorted(grams([b"same again"])))


@pytest.mark.usefixtures("small")
def test_only_blocks_that_may_hold_it_are_looked_through(path: Path, db: apsw.Connection) -> None:
    key = store(db, "JB_1", [Said(f"line {n:04d}".encode()) for n in range(100)])
    assert build(path) == 20
    assert build(path) == 0
    places = list(Candidates(db, LogFilter(text="Line 0042")).between(0, 1 << 62))
    assert (key << 32 | 41, key << 32 | 46) in places
    assert len(places) <= 3
    assert list(Candidates(db, LogFilter(text="nowhere")).between(0, 1 << 62)) == []
    other = store(db, "JB_2", [Said(b"line 0042")] * 3)
    for among in (key, other):
        found = Candidates(db, LogFilter(text="ine")).between(0, 1 << 62, among=among.__eq__)
        assert {start >> 32 for start, _ in found} == {among}
    db.execute("DELETE FROM job_attempts WHERE run_key = ?", (other,))
    everywhere = list(Candidates(db, LogFilter(text="ne")).between(0, 1 << 62, backwards=True))
    assert everywhere[0][1] == key << 32 | 101
    assert everywhere[-1][0] == key << 32 | 1
    assert len(everywhere) == 20


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("built", [True, False])
def test_levels_and_counts_over_many_blocks(
    path: Path, db: apsw.Connection, built: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_query, "IDS", 7)
    levels = [
        40 if n % 31 == 0 else 35 if n % 17 == 0 else 30 if n % 5 == 0 else 20 for n in range(200)
    ]
    for _ in range(2):
        said = [Said(b"words", level, "ab"[n % 2]) for n, level in enumerate(levels)]
        store(db, "JB_1", said)
        store(db, "JB_2", [Said(b"others", 50)] * 20)
    if built:
        build(path)
    logs = LogStore(db)
    levels *= 2
    for rest, wanted_level in [
        ({"min_level": 30}, lambda n, level: level >= 30),
        ({"min_level": 35}, lambda n, level: level >= 35),
        ({"levels": ("warn",)}, lambda n, level: 30 <= level < 40),
        ({"levels": ("warn", "error"), "stage": "a"}, lambda n, level: level >= 30 and n % 2 == 0),
        ({"levels": ("info", "error")}, lambda n, level: level in (20, 40)),
        ({"levels": ("critical",)}, lambda n, level: False),
        ({"min_level": 20, "text": "WORDS"}, lambda n, level: True),
    ]:
        expected = [n + 1 for n, level in enumerate(levels) if wanted_level(n, level)]
        wanted = LogFilter(**rest)
        page = logs.page("JB_1", wanted, limit=9)
        assert page.total_count == len(expected), rest
        assert [x.id for x in page.logs] == expected[:9]
        page = logs.page("JB_1", wanted, limit=9, before="300")
        assert [x.id for x in page.logs] == [n for n in expected if n < 300][-9:]
        assert [x.id for x, _ in logs.lines("JB_1", wanted)] == expected


@pytest.mark.usefixtures("small")
def test_an_attempt_is_forgotten_and_goes_on(path: Path, db: apsw.Connection) -> None:
    keys = [store(db, f"JB_{n}", [Said(b"some words")] * 7) for n in range(3)]
    build(path)
    with transaction(db):
        db.execute("DELETE FROM log_lines WHERE id >> 32 = ?", (keys[1],))
        forget_run(db, keys[1])
    left = [first >> 32 for (first,) in db.execute("SELECT first_id FROM search_segments")]
    assert keys[1] not in left
    assert sum(n for (n,) in db.execute("SELECT lines FROM search_blocks")) == 13
    orphans = "WHERE block NOT IN (SELECT block FROM search_segments)"
    assert db.execute(f"SELECT count(*) FROM search_blocks {orphans}").fetchall() == [(0,)]
    store(db, "JB_1", [Said(b"new words")] * 9)
    build(path)
    page = LogStore(db).page("JB_1", LogFilter(text="new words"))
    assert [x.id for x in page.logs] == list(range(8, 17))
    with transaction(db):
        for key in keys:
            forget_run(db, key)
    assert db.execute("SELECT count(*) FROM search_blocks").fetchall() == [(0,)]


@pytest.mark.usefixtures("small")
def test_a_run_that_is_forgotten_while_it_is_read_stays_forgotten(
    path: Path, db: apsw.Connection
) -> None:
    key = store(db, "JB_1", [Said(b"some words")] * 5)
    writer = SqliteSearchIndexWriter(path)
    block = search_index.Block()
    block.take(Unindexed(key, 0, 5), writer)
    with transaction(db):
        db.execute("DELETE FROM log_lines")
        forget_run(db, key)
    assert not writer.store(block.row(numpy), block.parts)
    writer.close()
    assert db.execute("SELECT count(*) FROM search_segments").fetchall() == [(0,)]
    assert db.execute("SELECT count(*) FROM search_blocks").fetchall() == [(0,)]


def test_a_very_long_message_makes_a_block_that_may_hold_anything(
    path: Path, db: apsw.Connection
) -> None:
    store(db, "JB_1", [Said(b"x" * (3 << 20) + b" the end")] + [Said(b"short")] * 1023)
    assert build(path) == 1
    assert db.execute("SELECT bits FROM search_blocks").fetchall() == [(None,)]
    page = LogStore(db).page("JB_1", LogFilter(text="x the end"))
    assert [x.id for x in page.logs] == [1]


def test_a_database_that_is_being_written_is_left_alone(path: Path, db: apsw.Connection) -> None:
    store(db, "JB_1", [Said(b"some words")] * 1024)
    with transaction(db):
        assert build(path) == 0
    assert build(path) == 1


def test_time_is_shared_while_lines_come(path: Path, db: apsw.Connection) -> None:
    store(db, "JB_1", [Said(b"some words")] * 4096)
    index = SearchIndex(SqliteSearchIndexWriter(path))
    index._numpy = numpy
    assert not index.turn(idle=False)
    index.records_came(1, 1e-6)
    assert index.turn(idle=False)
    assert not index.turn(idle=False)
    assert index.turn(idle=True)
    index.close()


def test_it_looks_for_lines_only_when_enough_may_have_come(path: Path, db: apsw.Connection) -> None:
    store(db, "JB_1", [Said(b"some words")] * 600)
    index = SearchIndex(SqliteSearchIndexWriter(path))
    index._numpy = numpy
    assert not index.turn(idle=True)
    store(db, "JB_2", [Said(b"some words")] * 600)
    index.records_came(423, 0.001)
    assert not index.turn(idle=True)
    index.records_came(1, 0.001)
    assert index.turn(idle=True)
    index.close()


def test_without_numpy_there_is_no_index_and_everything_is_found(
    path: Path,
    db: apsw.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setattr(search_index, "QUIET_S", 0)
    store(db, "JB_1", [Said(b"some words")] * 3000)
    index = SearchIndex(SqliteSearchIndexWriter(path))
    while not index._off:
        assert not index.turn(idle=True)
    index.records_came(3000, 1.0)
    assert not index.turn(idle=True)
    index.close()
    assert "import of numpy halted" in capsys.readouterr().err
    assert LogStore(db).page("JB_1", LogFilter(text="words")).total_count == 3000


_FOREVER = """
import sys, numpy
from pathlib import Path
from typing import Any
from qntx.indexer import search_index
from qntx.storage.sqlite.search_index_writer import SqliteSearchIndexWriter
search_index.BLOCK_LINES = 16
index = search_index.SearchIndex(SqliteSearchIndexWriter(Path(sys.argv[1])))
index._numpy = numpy
while index.turn(idle=True):
    print("block", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_it_survives_being_killed_at_any_moment(
    path: Path, db: apsw.Connection, number: int
) -> None:
    for job in range(40):
        store(db, f"JB_{job}", [Said(f"job {job} says {n:05x}".encode()) for n in range(150)])
    child = subprocess.Popen([sys.executable, "-c", _FOREVER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(3 + number * 17):
        child.stdout.readline()
    time.sleep(number / 7000)  # another moment within a block
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    before = covered(db)
    assert 0 < len(before) < 6000
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    while build(path):
        pass
    after = covered(db)
    assert set(before) < set(after)
    assert 6000 - len(after) < 1024
    for job in range(0, 40, 13):
        page = LogStore(db).page(f"JB_{job}", LogFilter(text=f"JOB {job} says 0004a"))
        assert [x.id for x in page.logs] == [0x4A + 1]
