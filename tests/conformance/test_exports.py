"""Whole logs and lists as streams."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from qntx.errors import NotFound
from qntx.journal.format import NO_NEWLINE
from qntx.model.filtering import parse_filter
from qntx.model.views import LogFilter
from qntx.storage.interfaces import Store
from tests.support.line_oracle import LOGGERS, filters, logs
from tests.support.log_rows import Said

from .firings import execution, schedule
from .small_indexer import SmallIndexer

ALL = LogFilter()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.parametrize(
    "words",
    [
        {"q": "NE 1"},
        {"q": "1.$", "regex": True},
        {"logger": "a.b"},
        {"level": "warn"},
        {"since": "1970-01-01T00:00:00.000150Z"},
    ],
)
def test_exports_hold_what_pages_hold(
    store: Store, indexer: SmallIndexer, words: dict[str, Any]
) -> None:
    job = indexer.log(
        [
            Said(f"line {n}".encode(), 10 * (1 + n % 5), logger=LOGGERS[n % 6], at_us=n)
            for n in range(200)
        ]
    )
    wanted = parse_filter(**words)
    page = store.logs.page(job, wanted)
    assert 0 < len(page.logs) < 200
    text = b"".join(store.exports.text(job, wanted))
    assert text.decode().splitlines() == [line.message for line in page.logs]


@settings(max_examples=40, suppress_health_check=QUIET)
@given(said=logs, wanted=filters)
def test_every_byte_and_every_field(
    store: Store, indexer: SmallIndexer, said: list[Said], wanted: dict[str, Any]
) -> None:
    job = indexer.log(said)
    shown = LogFilter(**wanted)
    page = store.logs.page(job, shown)
    expected = b"".join(said[line.id - 1].message + b"\n" for line in page.logs)
    assert b"".join(store.exports.text(job, shown)) == expected
    found = [json.loads(row) for row in b"".join(store.exports.ndjson(job, shown)).splitlines()]
    assert len(found) == len(page.logs)
    for row, line in zip(found, page.logs, strict=True):
        whole = said[line.id - 1].message
        for name in ("id", "attempt", "stage", "task_id", "timestamp", "level", "source"):
            assert row[name] == getattr(line, name)
        assert row["logger"] == line.logger
        if "bytes" in line.flags:
            assert base64.b64decode(row["message_base64"]) == whole
        else:
            assert row["message"] == whole.decode()
            assert "message_base64" not in row


@pytest.mark.parametrize("size", [65_536, 65_537, 4_000_000])
def test_long_messages_come_in_pieces(store: Store, indexer: SmallIndexer, size: int) -> None:
    long = b"\xff" + b"x" * (size - 2) + b"y"
    job = indexer.log([Said(b"a", marks=NO_NEWLINE), Said(long), Said(b"b")])
    assert b"".join(store.exports.text(job, ALL)) == b"a" + long + b"\nb\n"
    assert b"".join(store.exports.message(job, 1, 2)) == long
    rows = b"".join(store.exports.ndjson(job, ALL)).splitlines()
    assert base64.b64decode(msgspec.json.decode(rows[1])["message_base64"]) == long
    assert len(rows) == 3


def test_what_is_not_there_is_raised_before_the_first_chunk(
    store: Store, indexer: SmallIndexer
) -> None:
    job = indexer.log([Said(b"x")])
    for stream in (
        store.exports.text("JB_nothing", ALL),
        store.exports.ndjson("JB_nothing", ALL),
        store.exports.message(job, 1, 2),
        store.exports.message(job, 2, 1),
        store.exports.message("JB_nothing", 1, 1),
    ):
        with pytest.raises(NotFound):
            next(stream)


def test_a_stream_that_is_left_early_holds_nothing(store: Store, indexer: SmallIndexer) -> None:
    job = indexer.log([Said(b"x" * 70_000)] * 20)
    stream = store.exports.text(job, ALL)
    assert any(stream)
    indexer.log([Said(b"written meanwhile")])
    stream.close()
    assert store.logs.page(job, ALL).total_count == 20


def test_executions(store: Store) -> None:
    first, other = schedule(store), schedule(store)
    made = [execution(first, n, status=("missed", "skipped")[n % 2]) for n in range(8)]
    with store.transaction():
        for one in (*made, execution(other, 1)):
            store.executions.insert(one)
    found = list(store.exports.executions(first))
    assert [one.id for one in found] == [one.id for one in reversed(made)]
    assert found == list(store.executions.walk(first))
    missed = [one.id for one in store.exports.executions(first, ["missed"])]
    assert missed == [one.id for one in reversed(made) if one.status == "missed"]
