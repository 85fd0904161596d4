"""Search over the lines of all runs, whatever of them is indexed."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.errors import BadInput
from qntx.indexer import search_index
from qntx.indexer.search_index import SearchIndex
from qntx.model.search import FoundLine
from qntx.model.text_match import TextMatch
from qntx.model.views import LogFilter
from qntx.storage.interfaces import Store
from qntx.storage.interfaces.search_index import BlockRow, Unindexed
from tests.support.line_oracle import filters, fits, holds, logs, needles
from tests.support.log_rows import Said

from .small_indexer import SmallIndexer

#: Every example has a handler of its own, in one store.
EXAMPLES = count()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def build(store: Store) -> int:
    """Index all that fills a block; how many blocks that were."""
    index = SearchIndex(store.search_index_writer())
    index._numpy = numpy
    try:
        return sum(1 for _ in iter(lambda: index.turn(idle=True), False))
    finally:
        index.close()


def everything(store: Store, wanted: LogFilter, limit: int, **words: Any) -> list[FoundLine]:
    """What is found, page by page."""
    found: list[FoundLine] = []
    cursor = None
    while True:
        page = store.search.page(wanted, limit=limit, cursor=cursor, **words)
        assert len(page.logs) <= limit
        found += page.logs
        cursor = page.next_cursor
        if cursor is None:
            return found


@settings(max_examples=60, suppress_health_check=QUIET)
@given(
    runs=st.lists(logs, min_size=1, max_size=3),
    wanted=filters,
    needle=st.none() | needles,
    limit=st.integers(1, 5),
)
def test_what_is_found_is_what_fits_newest_first(
    store: Store,
    indexer: SmallIndexer,
    runs: list[list[Said]],
    wanted: dict[str, Any],
    needle: TextMatch | None,
    limit: int,
) -> None:
    handler = f"handler {next(EXAMPLES)}"
    jobs = [indexer.log(said, handler_name=handler) for said in runs]
    if needle is not None:
        wanted |= {"text": needle.text, "case": needle.case, "regex": needle.regex}
    expected = [
        (job, number)
        for job, said in zip(jobs, runs, strict=True)
        for number, line in enumerate(said, 1)
        if fits(line, wanted) and (needle is None or holds(line.message, needle))
    ][::-1]
    found = everything(store, LogFilter(**wanted), limit, handler=handler)
    assert [(line.job_id, line.id) for line in found] == expected
    assert {line.handler_name for line in found} <= {handler}


def test_answers_do_not_depend_on_what_is_indexed(
    store: Store, indexer: SmallIndexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "BLOCK_LINES", 500)
    said = [
        Said(f"line {n} {'needle' if n % 997 == 5 else 'hay'}".encode(), 40 if n % 500 else 20)
        for n in range(4_000)
    ]
    asked = [
        (LogFilter(text="needle"), lambda line: b"needle" in line.message),
        (LogFilter(text="LINE 77"), lambda line: line.message.startswith(b"line 77")),
        (LogFilter(text="7 hay$", regex=True), lambda line: line.message.endswith(b"7 hay")),
        (LogFilter(text="nothing"), lambda line: False),
        (LogFilter(levels=("info",)), lambda line: line.level == 20),
    ]
    jobs: list[str] = []
    for _ in range(3):
        jobs.append(indexer.log(said))
        assert build(store) == 8
        covered = store.search.page(LogFilter(text="nothing")).indexed
        assert (covered.lines, covered.pending) == (4_000 * len(jobs), len(jobs) - 1)
        indexer.log([Said(b"a needle that is not indexed")])
        for wanted, fitting in asked:
            numbers = [n for n, line in enumerate(said, 1) if fitting(line)][::-1]
            for job in jobs:
                page = store.logs.page(job, wanted, limit=10_000)
                assert [line.id for line in page.logs] == numbers[::-1]
            found = everything(store, wanted, 700)
            expected = [(job, number) for job in reversed(jobs) for number in numbers]
            assert [(x.job_id, x.id) for x in found if x.job_id in jobs] == expected
        assert everything(store, LogFilter(text="not indexed"), 10)[0].message.startswith(
            "a needle"
        )


def test_whose_line_it_is(store: Store, indexer: SmallIndexer) -> None:
    job = indexer.log([Said(b"a word")], source="about", handler_name="h")
    indexer.log([Said(b"a word")], handler_name="other")
    page = store.search.page(LogFilter(text="word"), handler="h")
    (found,) = page.logs
    assert (found.job_id, found.handler_name, found.job_source) == (job, "h", "about")
    assert (page.q, page.next_cursor) == ("word", None)
    with pytest.raises(BadInput, match="'nowhere'"):
        store.search.page(LogFilter(text="x"), cursor="nowhere")


def test_the_index_is_built_part_by_part(store: Store, indexer: SmallIndexer) -> None:
    writer = store.search_index_writer()
    assert writer.unindexed(9) == []
    first = indexer.log([Said(b"aaaa", 20, at_us=5), Said(b"b" * 70_000, 40, at_us=3)])
    indexer.log([Said(b"caf\xe9")])
    indexer.log([])
    one, two = writer.unindexed(9)
    assert writer.unindexed(1) == [one]
    assert (one.indexed, one.stored, two.stored) == (0, 2, 1)
    rows = list(writer.lines(one, 9, 69_999))
    assert rows == [(1, 5, 20, b"aaaa"), (2, 3, 40, None)]
    assert [row.message for row in writer.lines(one, 9, 70_000)] == [b"aaaa", b"b" * 70_000]
    assert len(list(writer.lines(one, 1, 50))) == 1
    assert [row.message for row in writer.lines(two, 9, 50)] == [b"caf\xe9"]
    block = BlockRow(2, 3, 5, 40, None)
    assert writer.store(block, [Unindexed(one.run_key, 0, 1), two])
    assert [(part.run_key, part.indexed) for part in writer.unindexed(9)] == [(one.run_key, 1)]
    assert not writer.store(block, [one]), "somebody else indexed it further"
    covered = store.search.page(LogFilter(text="x")).indexed
    assert (covered.lines, covered.pending) == (2, 1)
    assert [line.id for line in store.logs.page(first, LogFilter(text="bbbb")).logs] == [2]
    writer.close()
