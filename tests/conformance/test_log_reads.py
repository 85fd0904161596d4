"""Lines as they are shown: one by one, as a tree, as they arrive, and what is said of them all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.clock import iso
from qntx.errors import BadInput, NotFound
from qntx.journal.format import NO_NEWLINE, REDACTED, UNATTRIBUTED
from qntx.model.log import level_name
from qntx.model.views import Line, LogFilter
from qntx.storage.interfaces import Store
from tests.support.line_oracle import lines
from tests.support.log_rows import Said

from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer

ALL = LogFilter()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_a_line_is_shown_as_it_was_said(store: Store, indexer: SmallIndexer) -> None:
    said = [
        Said(b"plain", 20, "s", "t", "logging", "a.b", 1_234_567, b'{"k":[1,null]}'),
        Said("ä\x00日".encode(), 45, marks=NO_NEWLINE | UNATTRIBUTED),
        Said(b"caf\xe9", 30, source="stdout", marks=REDACTED),
        Said(b"", 10),
    ]
    job = indexer.log(said)
    page = store.logs.page(job, ALL)
    plain, odd, raw, empty = page.logs
    assert plain == Line(
        id=1,
        attempt=1,
        stage="s",
        task_id="t",
        timestamp=iso(1_234_567),
        level="info",
        source="logging",
        logger="a.b",
        message="plain",
        metadata={"k": [1, None]},
        size=5,
        truncated=False,
        flags=[],
    )
    assert (odd.message, odd.level, odd.size) == ("ä\x00日", "error", 6)
    assert set(odd.flags) == {"no_newline", "unattributed"}
    assert (odd.stage, odd.task_id, odd.logger, odd.metadata) == (None, None, None, None)
    assert set(raw.flags) == {"bytes", "redacted"}
    assert "caf" in raw.message
    assert (empty.message, empty.size, empty.id) == ("", 0, 4)
    assert (page.total_count, page.next_cursor, page.prev_cursor) == (4, None, None)
    assert [whole for _, whole in store.logs.lines(job, ALL)] == [line.message for line in said]
    assert [store.logs.message(job, 1, n + 1) for n in range(4)] == [s.message for s in said]


@pytest.mark.parametrize("size", [4_096, 65_536, 65_537, 2_500_000])
@pytest.mark.parametrize("end", ["ä".encode(), b"\xff"])
def test_a_long_message_is_kept_whole(
    store: Store, indexer: SmallIndexer, size: int, end: bytes
) -> None:
    message = b"x" * (size - len(end)) + end
    job = indexer.log([Said(b"before"), Said(message), Said(b"after")])
    before, long, after = store.logs.page(job, ALL).logs
    assert (before.message, after.message, long.size) == ("before", "after", size)
    assert long.truncated == (len(long.message) < size - 8)
    assert long.message.startswith("x" * 1000)
    assert store.logs.message(job, 1, 2) == message
    assert [whole for _, whole in store.logs.lines(job, ALL)] == [b"before", message, b"after"]


def test_what_is_not_there(store: Store, indexer: SmallIndexer) -> None:
    job = indexer.log([Said(b"one")])
    silent = enqueue(store)
    for ask in (
        lambda: store.logs.page("JB_nothing", ALL),
        lambda: store.logs.stages("JB_nothing"),
        lambda: store.logs.histogram("JB_nothing", ALL, 3),
        lambda: store.logs.since("JB_nothing", ALL, 0, 5),
        lambda: list(store.logs.lines("JB_nothing", ALL)),
        lambda: store.logs.runs("JB_nothing"),
        lambda: store.logs.stages(job, 7),
        lambda: store.logs.message(job, 1, 2),
        lambda: store.logs.message(job, 2, 1),
        lambda: store.logs.position(job, "7:1"),
    ):
        with pytest.raises(NotFound):
            ask()
    for cursor in ("nowhere", "-1", "1:x", ""):
        with pytest.raises(BadInput):
            store.logs.position(job, cursor)
    assert store.logs.page(silent, ALL).logs == []
    assert store.logs.stages(silent).stages == []
    assert store.logs.since(silent, ALL, 0, 5).lines == []
    assert store.logs.histogram(silent, ALL, 3).step_us is None
    assert store.logs.receipt(silent).text == "complete: 0 of 0"


def test_the_tree_in_the_order_of_first_words(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    indexer.lines(
        job.id,
        [
            Said(b"1", 20, "load", "y", at_us=5_000),
            Said(b"2", 40, "load", None, at_us=4_000),
            Said(b"3", 10, None, None, at_us=9_000),
            Said(b"4", 30, "load", "x", at_us=6_000),
            Said(b"5", 50, "load", "y", at_us=8_000),
        ],
    )
    indexer.lines(job.id, [Said(b"6", 20, "load", "y", at_us=12_000)])
    view = store.logs.stages(job.id)
    assert (view.job_id, view.attempt, view.attempts) == (job.id, 1, [1])
    load, outside = view.stages
    assert (load.stage, load.log_count, load.first_seq, load.last_seq) == ("load", 5, 1, 6)
    assert (load.started_at, load.ended_at, load.duration_ms) == (iso(4_000), iso(12_000), 8)
    assert (outside.stage, outside.log_count, outside.first_seq) == ("", 1, 3)
    assert [(t.task_id, t.is_stage, t.log_count) for t in load.tasks] == [
        ("y", False, 3),
        ("load", True, 1),
        ("x", False, 1),
    ]
    first = load.tasks[0]
    assert (first.first_seq, first.last_seq, first.duration_ms) == (1, 6, 7)
    assert (first.counts.total, first.counts.info, first.counts.critical) == (3, 2, 1)
    assert (load.counts.warn, load.counts.error, load.counts.debug) == (1, 1, 0)


def test_stages_and_tasks_begin_and_end(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    indexer.begin(job)
    indexer.span(job, "load", None, "running", name="Loading", at_us=1_000)
    indexer.span(job, "load", "x", "pending", name="X")
    indexer.span(job, "load", "y", "running", at_us=2_000)
    indexer.span(job, "load", "y", "completed", result={"n": 1}, at_us=7_000)
    (load,) = store.logs.stages(job.id).stages
    assert (load.status, load.started_at, load.ended_at) == ("running", iso(1_000), None)
    tasks = {task.task_id: task for task in load.tasks}
    assert (tasks["x"].status, tasks["x"].name, tasks["x"].started_at) == ("pending", "X", None)
    done = tasks["y"]
    assert (done.status, done.result, done.duration_ms) == ("completed", {"n": 1}, 5)
    assert (done.started_at, done.ended_at) == (iso(2_000), iso(7_000))
    indexer.span(job, "load", "x", "running", at_us=8_000)
    indexer.span(job, "load", "x", "pending")
    indexer.end(job, "failed")
    (load,) = store.logs.stages(job.id).stages
    tasks = {task.task_id: task for task in load.tasks}
    assert (load.status, tasks["x"].status) == ("interrupted", "interrupted")
    assert load.ended_at is not None
    assert tasks["y"].status == "completed"


def test_each_attempt_has_a_tree_of_its_own(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    indexer.lines(job.id, [Said(b"1", stage="first")], 1)
    indexer.end(job, "queued")
    (job,) = claim(store)
    indexer.lines(job.id, [Said(b"2", stage="second")], 2)
    assert store.logs.stages(job.id).attempts == [1, 2]
    assert [stage.stage for stage in store.logs.stages(job.id).stages] == ["second"]
    assert [stage.stage for stage in store.logs.stages(job.id, 1).stages] == ["first"]
    assert [(line.attempt, line.id) for line in store.logs.page(job.id, ALL).logs] == [
        (1, 1),
        (2, 1),
    ]
    second = store.logs.page(job.id, LogFilter(attempt=2))
    assert ([line.message for line in second.logs], second.total_count) == (["2"], 1)
    assert store.logs.message(job.id, 1, 1) == b"1"
    assert [number for number, _ in store.logs.runs(job.id)] == [1, 2]
    assert [number for number, _ in store.logs.runs(job.id, 2)] == [2]


@settings(max_examples=40, suppress_health_check=QUIET)
@given(
    parts=st.lists(st.tuples(st.integers(1, 3), st.lists(lines, max_size=6)), max_size=6),
    wanted=st.fixed_dictionaries({}, optional={"min_level": st.just(30), "stage": st.just("s")}),
    limit=st.integers(1, 4),
)
def test_who_follows_a_log_gets_every_line_once(
    store: Store,
    indexer: SmallIndexer,
    parts: list[tuple[int, list[Said]]],
    wanted: dict[str, Any],
    limit: int,
) -> None:
    job = indexer.log([])
    position, attempt = 0, 1
    found: list[Line] = []

    def follow() -> None:
        nonlocal position, found
        while True:
            tail = store.logs.since(job, LogFilter(**wanted), position, limit)
            assert len(tail.lines) <= limit
            found += tail.lines
            position = tail.position
            if not tail.more:
                return

    for step, said in parts:
        attempt = max(attempt, step)  # attempts follow each other
        indexer.lines(job, said, attempt)
        follow()
    whole = store.logs.page(job, LogFilter(**wanted)).logs
    assert found == whole
    for n, line in enumerate(whole):
        for name in (store.logs.cursor(job, line), f"{line.attempt}:{line.id}"):
            place = store.logs.position(job, name)
            assert store.logs.since(job, LogFilter(**wanted), place, 1000).lines == whole[n + 1 :]
        page = store.logs.page(job, LogFilter(**wanted), after=store.logs.cursor(job, line))
        assert page.logs == whole[n + 1 :]


def test_counts_and_receipts_of_attempts_and_of_all(store: Store, indexer: SmallIndexer) -> None:
    said = {
        1: [Said(b"", level) for level in (5, 10, 20, 25, 30)],
        2: [Said(b"", 40), Said(b"", 50)],
    }
    job = indexer.log(said[1])
    indexer.log(said[2], job, attempt=2)
    for attempt, these in ((1, said[1]), (2, said[2]), (None, said[1] + said[2])):
        expected = {"total": len(these)}
        for line in these:
            name = level_name(line.level)
            expected[name] = expected.get(name, 0) + 1
        page = store.logs.page(job, LogFilter(attempt=attempt))
        shown = {n: c for n, c in msgspec.structs.asdict(page.counts).items() if c}
        assert shown == expected
        assert store.logs.counts(store.logs.runs(job, attempt)) == page.counts
        assert page.receipt == store.logs.receipt(job, attempt)
        assert page.receipt.text == f"complete: {len(these)} of {len(these)}"
    assert store.jobs.get(job).counts == store.logs.page(job, ALL).counts
    first, second = store.jobs.attempts(job)
    assert (first.counts.total, second.counts.total) == (5, 2)
    assert (first.first_error_seq, second.first_error_seq) == (None, 1)
    filtered = store.logs.page(job, LogFilter(min_level=40))
    assert (filtered.total_count, filtered.counts.total) == (2, 7)


def test_lines_that_name_something(store: Store, indexer: SmallIndexer) -> None:
    job = indexer.log(
        [
            Said(b"about JB_1"),
            Said(b"about JB_2", metadata=b'{"job":"JB_1"}'),
            Said(b"about jb_1", metadata=b'{"job":"JB_3"}'),
        ]
    )
    page = store.logs.page(job, LogFilter(naming="JB_1"))
    assert [line.id for line in page.logs] == [1, 2]
    assert page.total_count == 2


def test_alike_lines_together_the_gravest_first(store: Store, indexer: SmallIndexer) -> None:
    texts = [("slow: 1 s", 30), ("lost 1", 30), ("broke 7", 40), ("fine 1", 20)]
    more = [("slow: 2 s", 30), ("slow: 33 s", 30), ("broke 8", 50), ("lost 2", 30)]
    job = indexer.log([Said(text.encode(), level) for text, level in texts + more])
    found = store.logs.groups(job, ALL)
    assert [(g.count, g.first.level, g.first.message, g.last.id) for g in found.groups] == [
        (1, "critical", "broke 8", 7),
        (1, "error", "broke 7", 3),
        (3, "warn", "slow: 1 s", 6),
        (2, "warn", "lost 1", 8),
    ]
    assert (found.total_count, found.looked_at, found.group_count) == (7, 7, 4)
    info = store.logs.groups(job, LogFilter(levels=("info",)))
    assert [(g.count, g.first.message) for g in info.groups] == [(1, "fine 1")]
    with pytest.raises(NotFound):
        store.logs.groups("JB_nothing", ALL)
