"""Alike lines together: what is alike, how they are counted, which come first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.model.groups import LineGroups
from qntx.model.views import LogFilter
from qntx.storage.sqlite import groups as module
from qntx.storage.sqlite.groups import alike, groups
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, clear, store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(open_database(tmp_path / "qntx.db")) as connection:
        yield connection


def said(message: str | bytes, level: int = 30) -> Said:
    data = message.encode() if isinstance(message, str) else message
    return Said(data, level, None, None, "logging", None, 0, b"", 0)


def grouped(db: apsw.Connection, job: str = "JB_1", **wanted: object) -> LineGroups:
    chosen = LogFilter(**wanted)  # type: ignore[arg-type]
    return groups(db, job, chosen, LogStore(db).runs(job, chosen.attempt))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 12 ms", "took 3,000.5 ms"),
        ("at 0xdeadBEEF", "at 0x7f00"),
        ("CN_01M8MFGDQSBC01YCYVSAG1TAKY is late", "CN_01M8MFK9X038WTC2WS9EB43WXJ is late"),
        (
            "request 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "request 00000000-0000-0000-0000-000000000000",
        ),
        ("commit 5e7daa2", "commit ba91e50f"),
        ("line 1\n  at x.py:10", "line 2\n  at x.py:99"),
    ],
)
def test_numbers_and_ids_make_no_difference(one: str, other: str) -> None:
    assert alike(one) == alike(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("no such host", "no such port"), ("defaced", "facade"), ("a 1 b", "a 1 1 b"), ("x1", "y1")],
)
def test_words_do(one: str, other: str) -> None:
    assert alike(one) != alike(other)


def test_the_gravest_come_first_then_the_most(db: apsw.Connection) -> None:
    store(
        db,
        "JB_1",
        [
            said("slow: 1 s"),
            said("lost 1"),
            said("lost 2"),
            said("broke 7", 40),
            said("fine 1", 20),
            said("slow: 2 s"),
            said("slow: 3 s"),
            said("broke 8", 50),
        ],
    )
    found = grouped(db, min_level=30)
    assert [(g.count, g.first.level, g.first.message, g.last.id) for g in found.groups] == [
        (1, "critical", "broke 8", 8),
        (1, "error", "broke 7", 4),
        (3, "warn", "slow: 1 s", 7),
        (2, "warn", "lost 1", 3),
    ]
    assert (found.total_count, found.looked_at, found.group_count) == (7, 7, 4)


def test_of_very_many_the_first_are_grouped(
    db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINES_GROUPED", 6)
    monkeypatch.setattr(module, "MAX_GROUPS", 2)
    monkeypatch.setattr(module, "_READ_LINES", 3)
    store(db, "JB_1", [said("abc"[n % 3] * 3) for n in range(9)])
    found = grouped(db)
    assert (found.total_count, found.looked_at, found.group_count) == (9, 6, 3)
    assert [(g.count, g.first.id, g.last.id) for g in found.groups] == [(2, 1, 4), (2, 2, 5)]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([b"a 1", b"a 22", b"b", b"b \xff", b"", b"1", b"c" * 5000, b"c" * 5001]),
        st.sampled_from([10, 20, 30, 40]),
    ),
    max_size=30,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(lines=MESSAGES, size=st.integers(1, 7))
def test_every_line_is_in_one_group(
    db: apsw.Connection, lines: list[tuple[bytes, int]], size: int
) -> None:
    clear(db)
    store(db, "JB_1", [said(message, level) for message, level in lines])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_READ_LINES", size)
        found = grouped(db)
    assert sum(group.count for group in found.groups) == found.total_count == len(lines)
    keys = [(group.first.level, alike(group.first.message)) for group in found.groups]
    assert len(set(keys)) == len(keys)
    for group in found.groups:
        assert alike(group.first.message) == alike(group.last.message)
        assert (group.first.id == group.last.id) == (group.count == 1)
