"""What the indexer stores: exactly once, without gaps, together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.errors import StoreUnavailable, UnstorableValue
from qntx.journal.format import REDACTED
from qntx.model.ids import new_id
from qntx.model.views import LogFilter
from qntx.storage.interfaces import Store
from qntx.storage.interfaces.log_rows import (
    SPOOL_IDLE,
    SPOOL_STORED,
    ContextState,
    LineRow,
    Offset,
    OffsetMove,
    PartRow,
    Place,
    SpoolRow,
)
from tests.support.log_rows import Said

from .queueing import claim, running
from .small_indexer import SmallIndexer

ALL = LogFilter()
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
START, MIDDLE, END = Offset(1, 0), Offset(1, 4_096), Offset(2, 17)


@pytest.fixture
def another(store: Store) -> Iterator[SmallIndexer]:
    """A second indexer, which should not be there."""
    made = SmallIndexer(store)
    yield made
    made.close()


def messages(store: Store, job_id: str) -> list[str]:
    return [line.message for line in store.logs.page(job_id, ALL).logs]


def test_a_round_that_fails_stores_nothing(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    indexer.lines(job.id, [Said(b"before")])

    def fail() -> None:
        indexer.begin(job, pid=7)
        indexer.span(job, "s", None, "running")
        indexer.lines(job.id, [Said(b"lost", 40, "s")])
        indexer.writer.save_offsets([OffsetMove("p", None, MIDDLE)])
        indexer.checkpoint(job, 1)
        indexer.end(job, "completed", result=1)
        raise ZeroDivisionError

    shown = store.jobs.get(job.id)
    with pytest.raises(ZeroDivisionError), indexer.round():
        fail()
    assert store.jobs.get(job.id) == shown
    assert store.jobs.attempts(job.id)[0].pid is None
    assert messages(store, job.id) == ["before"]
    assert [stage.stage for stage in store.logs.stages(job.id).stages] == [""]
    assert indexer.writer.offsets() == {}
    indexer.lines(job.id, [Said(b"after")])
    assert [line.id for line in store.logs.page(job.id, ALL).logs] == [1, 2]


def test_a_journal_is_stored_once(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)

    def store_part(before: Offset | None, after: Offset, message: bytes) -> None:
        with indexer.round():
            indexer.lines(job.id, [Said(message)])
            indexer.writer.save_offsets([OffsetMove("p", before, after)])

    store_part(None, MIDDLE, b"one")
    with pytest.raises(StoreUnavailable):  # nobody can tell whether it was stored: once more
        store_part(None, MIDDLE, b"one")
    with pytest.raises(StoreUnavailable):
        store_part(START, MIDDLE, b"one")
    store_part(MIDDLE, END, b"two")
    with pytest.raises(StoreUnavailable):
        store_part(MIDDLE, END, b"two")
    assert messages(store, job.id) == ["one", "two"]
    assert indexer.writer.offsets() == {"p": END}
    assert store.logs.receipt(job.id).text == "so far: 2"


def test_one_journal_that_somebody_else_moved_holds_the_whole_round(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    with indexer.round():
        indexer.writer.save_offsets([OffsetMove("p", None, MIDDLE), OffsetMove("q", None, START)])

    def fail() -> None:
        indexer.lines(job.id, [Said(b"no")])
        indexer.writer.save_offsets([OffsetMove("q", START, END), OffsetMove("p", START, END)])

    with pytest.raises(StoreUnavailable), indexer.round():
        fail()
    assert indexer.writer.offsets() == {"p": MIDDLE, "q": START}
    assert messages(store, job.id) == []
    with indexer.round():
        indexer.writer.drop_offsets(["q", "never"])
    assert indexer.writer.offsets() == {"p": MIDDLE}
    with indexer.round():
        indexer.writer.save_offsets([OffsetMove("q", None, END)])
    assert indexer.writer.offsets()["q"] == END


def test_two_indexers_by_mistake_store_no_line_twice(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    job = running(store)
    for each in (indexer, another):
        each.keys.run(job.id, 1)  # both know it as it is now
    with indexer.round():
        indexer.lines(job.id, [Said(b"one"), Said(b"two")])
        indexer.writer.save_offsets([OffsetMove("p", None, MIDDLE)])

    def again() -> None:
        another.lines(job.id, [Said(b"one"), Said(b"two")])
        another.writer.save_offsets([OffsetMove("p", None, MIDDLE)])

    with pytest.raises(StoreUnavailable), another.round():
        again()
    with pytest.raises(StoreUnavailable), another.round():
        again()
    assert messages(store, job.id) == ["one", "two"]
    assert store.logs.receipt(job.id).stored == 2


def test_the_newest_number_moves_only_from_where_it_was(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    """A round without a line of an attempt counts, too: what was lost of it."""
    job = running(store)
    assert another.run(job).seq == 0
    indexer.lines(job.id, [Said(b"one"), Said(b"two")])

    def late() -> None:
        another.run(job).lost += 1
        another.lines(job.id, [])

    with pytest.raises(StoreUnavailable), another.round():
        late()
    assert store.logs.receipt(job.id).text == "so far: 2"
    with another.round():
        late()
    assert store.logs.receipt(job.id).text == "so far: 2, 1 lost"


@settings(max_examples=30, suppress_health_check=QUIET)
@given(
    rounds=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=4), st.booleans()
        ),
        max_size=8,
    )
)
def test_numbers_have_no_gaps_whatever_fails(
    store: Store, indexer: SmallIndexer, rounds: list[tuple[list[tuple[int, int]], bool]]
) -> None:
    jobs = [new_id("JB") for _ in range(3)]
    expected: dict[str, list[str]] = {job: [] for job in jobs}
    for number, (parts, fails) in enumerate(rounds):
        said: dict[str, list[str]] = {}
        for which, lines in parts:
            said.setdefault(jobs[which], []).extend(f"{number}.{n}" for n in range(lines))

        def write(said: dict[str, list[str]] = said, fails: bool = fails) -> None:
            for job, texts in said.items():
                indexer.lines(job, [Said(text.encode(), 40) for text in texts])
            if fails:
                raise ZeroDivisionError

        if fails:
            with pytest.raises(ZeroDivisionError), indexer.round():
                write()
            continue
        with indexer.round():
            write()
        for job, texts in said.items():
            expected[job] += texts
    for job, texts in expected.items():
        if not texts:
            continue
        page = store.logs.page(job, ALL)
        assert [(line.id, line.message) for line in page.logs] == list(enumerate(texts, 1))
        assert (page.counts.total, page.counts.error) == (len(texts), len(texts))
        (attempt,) = store.jobs.attempts(job)
        assert (attempt.first_error_seq, attempt.counts.total) == (1, len(texts))


def test_counters_of_a_log_that_came_in_many_rounds(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    for number in range(1, 6):
        indexer.lines(
            job.id,
            [Said(b"", level, "s", "t", at_us=number) for level in (10, 20, 30, 40, 50)[:number]],
        )
    ((task,),) = [stage.tasks for stage in store.logs.stages(job.id).stages]
    counts = task.counts
    assert (counts.total, counts.debug, counts.info, counts.warn) == (15, 5, 4, 3)
    assert (counts.error, counts.critical) == (2, 1)
    assert (task.first_seq, task.last_seq) == (1, 15)
    assert store.jobs.attempts(job.id)[0].counts == counts
    assert store.jobs.attempts(job.id)[0].first_error_seq == 10


def test_what_was_lost_stands_in_the_receipt(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    for number in (1, 2):
        with indexer.round():
            indexer.run(job).lost += 3
            indexer.lines(job.id, [Said(b"***[x] and ***[y]", marks=REDACTED)] * number)
    receipt = store.logs.receipt(job.id)
    assert (receipt.stored, receipt.accepted, receipt.lost, receipt.redactions) == (3, 9, 6, 6)
    assert receipt.text == "so far: 3, 6 lost"
    indexer.end(job, "completed")
    receipt = store.logs.receipt(job.id)
    assert receipt.text == "incomplete: 3 of 9, 6 lost"
    assert store.logs.totals() == (3, 6, 6)
    assert store.jobs.get(job.id).receipt == receipt


def test_keys_are_the_same_whoever_asks(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    job = running(store)
    run = indexer.writer.run(job.id, 1)
    assert indexer.writer.run(job.id, 1).run_key == run.run_key
    assert indexer.writer.run(job.id, 2).run_key != run.run_key
    origins = [("a", None), ("a", ""), ("a", "b"), ("b", None)]
    keys = [indexer.writer.origin(*origin) for origin in origins]
    assert len(set(keys)) == 4
    assert [another.writer.origin(*origin) for origin in origins] == keys
    names = [(None, None), ("s", None), (None, "s"), ("s", "s"), ("", None), ("s", "")]
    contexts = [ContextState(run, 0, *name) for name in names]
    indexer.writer.find(contexts[0])
    assert contexts[0].context_key == 0, "the store has none yet"
    indexer.writer.place(contexts)
    found = [context.context_key for context in contexts]
    assert len({*found} - {0}) == len(names)
    for ask in (another.writer.place, lambda each: [another.writer.find(one) for one in each]):
        again = [ContextState(run, 0, *name) for name in names]
        ask(again)
        assert [context.context_key for context in again] == found


def test_an_attempt_is_known_as_the_store_has_it(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    job = running(store)
    assert indexer.run(job).fresh
    assert not indexer.writer.has_begun(indexer.run(job))
    with indexer.round():
        indexer.begin(job)
        assert indexer.writer.has_begun(indexer.run(job)), "also in the round that says so"
    indexer.lines(job.id, [Said(b"")] * 3)
    known = another.run(job)
    assert (known.seq, known.stored, known.ended, known.fresh) == (3, 3, False, False)
    assert another.writer.has_begun(known)
    indexer.end(job, "completed")
    assert another.writer.run(job.id, 1).ended


def test_attempts_that_only_their_own_process_knew_of(store: Store, indexer: SmallIndexer) -> None:
    running(store)
    mine = indexer.foreground("JB_1")
    for name, producer in (("JB_2", "p"), ("JB_3", "q"), ("JB_4", "p")):
        job = indexer.foreground(name)
        indexer.begin(job, worker=f"foreground:{producer}")
    assert mine.id == "JB_1"
    indexer.end(job, "completed")
    with indexer.round():
        assert indexer.writer.unsupervised("p") == [("JB_2", 1)]
        assert indexer.writer.unsupervised("nobody") == []


def test_beginning_and_end_in_one_round_are_as_in_two(store: Store, indexer: SmallIndexer) -> None:
    one, two = running(store), running(store, "b")
    with indexer.round():
        indexer.begin(one, pid=7, worker="w7", execution_id="PX_1")
        indexer.lines(one.id, [Said(b"x", stage="s")])
        indexer.span(one, "s", None, "running")
        indexer.end(one, "failed", error="no")
    indexer.begin(two, pid=7, worker="w7", execution_id="PX_1")
    indexer.lines(two.id, [Said(b"x", stage="s")])
    indexer.span(two, "s", None, "running")
    indexer.end(two, "failed", error="no")

    def shown(job_id: str) -> list[Any]:
        (attempt,) = store.jobs.attempts(job_id)
        job = store.jobs.get(job_id)
        (stage,) = store.logs.stages(job_id).stages
        return [
            (attempt.pid, attempt.worker, attempt.status, attempt.error, attempt.counts),
            (job.status, job.error, job.counts, job.receipt),
            (stage.status, stage.counts, stage.ended_at is not None),
        ]

    assert shown(one.id) == shown(two.id)
    assert shown(one.id)[2][0] == "interrupted"


def test_a_value_that_no_store_takes_is_named_and_the_rest_is_kept(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    with indexer.round():
        indexer.lines(job.id, [Said(b"kept")])
        with pytest.raises(UnstorableValue):
            indexer.end(job, "asleep")
        indexer.lines(job.id, [Said(b"kept, too")])
    assert messages(store, job.id) == ["kept", "kept, too"]
    assert store.jobs.status(job.id) == "running"


def test_pieces_of_lines_outlive_the_indexer(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    job = running(store)
    with indexer.round():
        context = indexer.keys.context(indexer.run(job), "s", None)
        indexer.writer.place([context])
        key = context.context_key
        rows = [
            PartRow(
                producer, part, number, key, indexer.keys.origin("stdout", None), 5, 20, 0, body
            )
            for producer, part, number, body in [
                ("p", 2, 0, b"c"),
                ("p", 1, 0, b"a\x00\xff"),
                ("p", 1, 1, b"b"),
                ("q", 1, 0, b"x"),
            ]
        ]
        indexer.writer.save_parts(rows)
    place = Place(job.id, 1, "s", None)
    found = another.writer.load_parts("p")
    assert found == [(place, rows[1]), (place, rows[2]), (place, rows[0])]
    with indexer.round():
        indexer.writer.drop_parts([("p", 1)])
    assert another.writer.load_parts("p") == [(place, rows[0])]
    assert another.writer.load_parts("q") == [(place, rows[3])]
    assert another.writer.load_parts("r") == []


def test_how_far_spools_are_outlives_the_indexer(
    store: Store, indexer: SmallIndexer, another: SmallIndexer
) -> None:
    job = running(store)

    def row(path: str, position: int) -> SpoolRow:
        context = indexer.keys.context(indexer.run(job), None, "t")
        indexer.writer.place([context])
        key = context.context_key
        return SpoolRow(
            path,
            key,
            indexer.keys.origin("stdout", None),
            position,
            20,
            1,
            True,
            False,
            True,
            "stdout of x",
            2,
            3,
            4,
            5,
        )

    with indexer.round():
        first, second = row("a", 0), row("b", 7)
        indexer.writer.save_spools([first, second])
    with indexer.round():
        moved = row("a", 2**40)
        indexer.writer.save_spools([moved])
    place = Place(job.id, 1, None, "t")
    assert sorted(another.writer.load_spools()) == [(place, moved), (place, second)]
    with indexer.round():
        indexer.writer.drop_spools(["a", "never"])
    assert another.writer.load_spools() == [(place, second)]


def test_a_receipt_knows_the_streams_that_are_not_at_their_end(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    with indexer.round():
        context = indexer.keys.context(indexer.run(job), None, "t")
        indexer.writer.place([context])
        origin = indexer.keys.origin("stdout", None)
        spool = SpoolRow("a", context.context_key, origin, 0, 20, 0, False, False, True, "stdout")
        others = [spool._replace(path="b", state=SPOOL_IDLE), spool._replace(path="c", state=2)]
        indexer.writer.save_spools([spool, *others])
    indexer.end(job, "completed")
    receipt = store.logs.receipt(job.id)
    assert (receipt.text, receipt.open_streams) == ("so far: 0", 2)
    assert store.jobs.get(job.id).receipt == store.jobs.attempts(job.id)[0].receipt == receipt
    assert store.logs.spools() == {"a", "b", "c"}
    with indexer.round():
        indexer.writer.save_spools([spool._replace(state=SPOOL_STORED)])
        indexer.writer.drop_spools(["c"])
    assert store.logs.spools() == {"b"}
    assert store.logs.receipt(job.id).text == "complete: 0 of 0"


def test_a_receipt_names_the_streams_whose_end_was_not_seen(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    with indexer.round():
        run = indexer.run(job)
        indexer.writer.miss_end(run, "stdout of make")
        indexer.writer.miss_end(run, 'stderr of "b"')
    assert store.logs.receipt(job.id).text.startswith("so far: 0, 0 lost; the end of stdout of")
    indexer.end(job, "completed")
    receipt = store.logs.receipt(job.id)
    assert receipt.unseen == ["stdout of make", 'stderr of "b"']
    assert not receipt.complete
    assert receipt.text.endswith('the end of stdout of make and stderr of "b" was not seen')
    assert store.jobs.get(job.id).receipt == store.jobs.attempts(job.id)[0].receipt == receipt


def test_plain_rows_come_back_as_they_were_stored(store: Store, indexer: SmallIndexer) -> None:
    """The words of the protocol alone, without the indexer's numbering."""
    job = running(store)
    with indexer.round():
        run = indexer.run(job)
        context = indexer.keys.context(run, None, None)
        indexer.writer.place([context])
        origin = indexer.keys.origin("emitter", "l")
        row = LineRow(run.base | 1, context.context_key, origin, 77, 35, 0, "ä", '{"a":1}')
        large = LineRow(run.base | 2, context.context_key, origin, 78, -5, 0, b"y" * 70_000, None)
        indexer.writer.store_lines([row], [large])
    (first, second) = [line for line, _ in store.logs.lines(job.id, ALL)]
    assert (first.id, first.message, first.level, first.metadata) == (1, "ä", "warn", {"a": 1})
    assert (first.logger, second.id, second.level, second.size) == ("l", 2, "debug", 70_000)
    assert store.logs.message(job.id, 1, 2) == b"y" * 70_000


def test_attempts_that_go_on_have_logs_of_their_own(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    indexer.lines(job.id, [Said(b"1")], 1)
    indexer.end(job, "queued")
    claim(store)
    with indexer.round():
        indexer.lines(job.id, [Said(b"late word of the first")], 1)
        indexer.lines(job.id, [Said(b"2")], 2)
    shown = [(line.attempt, line.id, line.message) for line in store.logs.page(job.id, ALL).logs]
    assert shown == [(1, 1, "1"), (1, 2, "late word of the first"), (2, 1, "2")]


def test_a_removed_store_is_not_made_anew(
    store: Store, folder: Path, indexer: SmallIndexer
) -> None:
    """Where it can be removed: what is stored into it then is not said to be stored."""
    files = list(folder.glob("*.db*"))
    if not files:
        pytest.skip("not a file")
    for file in files:
        file.unlink()
    with pytest.raises(StoreUnavailable, match="removed"), indexer.round():
        indexer.writer.save_offsets([OffsetMove("P", None, START)])
    with pytest.raises(StoreUnavailable, match="removed"):
        store.log_writer()
