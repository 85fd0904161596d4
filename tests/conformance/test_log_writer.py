"""Rounds of the indexer: together or not at all, once, and what is refused says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from qntx.clock import now_us
from qntx.errors import StoreUnavailable, UnstorableValue
from qntx.indexer.keys import Keys
from qntx.indexer.sequencing import LARGE_MESSAGE_BYTES, Pending, store_lines, tally
from qntx.journal.format import RAW, REDACTED
from qntx.model.views import LogFilter
from qntx.storage.interfaces import LogWriter, Store
from qntx.storage.interfaces.log_rows import Offset, OffsetMove, PartRow, Place, SpoolRow

from .small_indexer import SmallIndexer


@pytest.fixture
def writer(store: Store) -> Iterator[LogWriter]:
    with opened(store) as made:
        yield made


@contextmanager
def opened(store: Store) -> Iterator[LogWriter]:
    """A writer like that of another indexer, or of the same one after its restart."""
    made = store.log_writer()
    try:
        yield made
    finally:
        made.close()


def add(writer: LogWriter, keys: Keys, *messages: bytes, flags: int = 0) -> None:
    """Lines of the first attempt of JB_1, within a round; there may be none."""
    run = keys.run("JB_1", 1)
    context, origin = keys.context(run, "stage", None), keys.origin("logging", "test")
    lines: list[Pending] = [
        (0, context, origin, 1_000_000, 20, flags, message, b"") for message in messages
    ]
    writer.add_counts(*tally(store_lines(writer, lines, several=False), [run]))


def messages(store: Store) -> list[bytes]:
    return [whole for _, whole in store.logs.lines("JB_1", LogFilter())]


def job(indexer: SmallIndexer) -> None:
    indexer.foreground("JB_1")


def test_a_round_that_fails_leaves_nothing_and_the_next_one_has_no_gap(
    store: Store, indexer: SmallIndexer, writer: LogWriter
) -> None:
    job(indexer)
    with suppress(ZeroDivisionError), writer.round():
        add(writer, Keys(writer), b"lost", b"too")
        writer.save_offsets([OffsetMove("P", None, Offset(0, 100))])
        raise ZeroDivisionError
    assert writer.offsets() == {}
    with writer.round():
        add(writer, Keys(writer), b"first")
    lines = list(store.logs.lines("JB_1", LogFilter()))
    assert [(line.id, whole) for line, whole in lines] == [(1, b"first")]


def test_what_somebody_else_has_stored_meanwhile_is_not_stored_twice(
    store: Store, indexer: SmallIndexer, writer: LogWriter
) -> None:
    job(indexer)
    with opened(store) as late:
        keys, late_keys = Keys(writer), Keys(late)
        assert keys.run("JB_1", 1).seq == late_keys.run("JB_1", 1).seq == 0
        with writer.round():
            add(writer, keys, b"line")
        with pytest.raises(StoreUnavailable, match="meanwhile"), late.round():
            add(late, late_keys, b"line")
        with late.round():
            add(late, Keys(late), b"next")
    assert messages(store) == [b"line", b"next"]
    assert store.logs.receipt("JB_1").text == "complete: 2 of 2"


@pytest.mark.parametrize("began", [None, Offset(0, 50)])
def test_offsets_move_only_from_where_the_round_began(
    store: Store, writer: LogWriter, began: Offset | None
) -> None:
    if began is not None:
        with writer.round():
            writer.save_offsets([OffsetMove("P", None, began)])
    with opened(store) as late:
        assert late.offsets().get("P") == began
        with writer.round():
            writer.save_offsets([OffsetMove("P", began, Offset(0, 100))])
        with pytest.raises(StoreUnavailable, match="meanwhile"), late.round():
            late.save_offsets([OffsetMove("P", began, Offset(0, 90))])
        assert late.offsets() == {"P": Offset(0, 100)}
        with late.round():
            late.save_offsets([OffsetMove("P", Offset(0, 100), Offset(1, 8))])
    assert writer.offsets() == {"P": Offset(1, 8)}
    writer.drop_offsets(["P"])
    assert writer.offsets() == {}


@pytest.mark.parametrize("flags", [0, RAW, REDACTED])
def test_messages_of_any_size_come_back_byte_by_byte(
    store: Store, indexer: SmallIndexer, writer: LogWriter, flags: int
) -> None:
    job(indexer)
    letter = b"\xff" if flags & RAW else "ü".encode()
    said = [letter * n for n in (0, 1, LARGE_MESSAGE_BYTES // 2, LARGE_MESSAGE_BYTES, 3 << 20)]
    with writer.round():
        add(writer, Keys(writer), *said, flags=flags)
    assert messages(store) == said
    assert [line.id for line, _ in store.logs.lines("JB_1", LogFilter())] == [1, 2, 3, 4, 5]


def test_a_value_that_no_store_takes_is_refused_and_the_round_goes_on(
    store: Store, indexer: SmallIndexer, writer: LogWriter
) -> None:
    job(indexer)
    with writer.round():
        run = writer.run("JB_1", 1)
        with pytest.raises(UnstorableValue):
            writer.end(run, {"status": "no such status"}, now_us())
        add(writer, Keys(writer), b"goes on")
        writer.end(run, {"status": "completed"}, now_us())
    assert messages(store) == [b"goes on"]
    assert store.jobs.status("JB_1") == "completed"


def test_an_attempt_has_begun_from_its_event_on(writer: LogWriter) -> None:
    with writer.round():
        run = writer.run("JB_1", 1)
        assert not writer.has_begun(run)
        writer.begin(run, {"pid": 1, "worker": "foreground:P"}, now_us())
        assert writer.has_begun(run)
        assert writer.unsupervised("P") == [("JB_1", 1)]
    assert writer.has_begun(writer.run("JB_1", 1))
    with writer.round():
        writer.end(run, {"status": "failed"}, now_us())
        assert writer.unsupervised("P") == []


def test_pieces_and_spools_outlive_a_restart(store: Store, writer: LogWriter) -> None:
    keys = Keys(writer)
    with writer.round():
        context = keys.context(keys.run("JB_1", 1), "stage", "task")
        writer.place([context])
        origin = keys.origin("stdout", None)
        where = (context.context_key, origin)
        parts = [PartRow("P", 1, n, *where, 7, 20, RAW, b"\xff%d" % n) for n in range(2)]
        writer.save_parts(parts)
        spool = SpoolRow("/p", *where, 100, 20, 0, directives=True, keep=False, redact=True)
        writer.save_spools([spool])
    place = Place("JB_1", 1, "stage", "task")
    with opened(store) as again:
        assert again.load_parts("P") == [(place, part) for part in parts]
        assert again.load_parts("Q") == []
        assert again.load_spools() == [(place, spool)]
        with again.round():
            again.save_spools([spool._replace(position=200)])
            again.drop_parts([("P", 1)])
        assert again.load_spools() == [(place, spool._replace(position=200))]
        assert again.load_parts("P") == []
        with again.round():
            again.drop_spools(["/p"])
        assert again.load_spools() == []


def test_keys_stay_the_same(store: Store, writer: LogWriter) -> None:
    with writer.round():
        keys = Keys(writer)
        contexts = [
            keys.context(keys.run("JB_1", 1), stage, task)
            for stage, task in [(None, None), ("", None), ("s", None), ("s", ""), ("s", "t")]
        ]
        writer.place(contexts)
        origins = [writer.origin("a", logger) for logger in (None, "", "b")]
    found = [context.context_key for context in contexts]
    assert len({*found}) == 5
    assert len({*origins}) == 3
    with opened(store) as again, again.round():
        keys = Keys(again)
        same = [
            keys.context(keys.run("JB_1", 1), context.stage, context.task_id)
            for context in contexts
        ]
        again.place(same)
        assert [context.context_key for context in same] == found
        assert [again.origin("a", logger) for logger in (None, "", "b")] == origins


def test_a_removed_store_is_not_made_anew(store: Store, folder: Path, writer: LogWriter) -> None:
    """Where it can be removed: what is stored into it then is not said to be stored."""
    files = list(folder.glob("*.db*"))
    if not files:
        pytest.skip("not a file")
    for file in files:
        file.unlink()
    with pytest.raises(StoreUnavailable, match="removed"), writer.round():
        writer.save_offsets([OffsetMove("P", None, Offset(0, 100))])
    with pytest.raises(StoreUnavailable, match="removed"):
        store.log_writer()
