"""The indexer's rounds: exactly once, in order, counted, whatever stands in the journals."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from qntx.errors import StoreBusy, StoreUnavailable
from qntx.indexer import sequencing
from qntx.indexer.drain import Drain
from qntx.indexer.producer import Producer
from qntx.journal.format import (
    CLOSES_PART,
    FIRST_RECORD,
    LINE,
    NO_NEWLINE,
    ORIGIN,
    PART,
    RECORD,
    REDACTED,
    RUN,
    SCOPE,
)
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.segment import Segment
from qntx.model.views import LogFilter
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.indexer_desk import Desk, end


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "home")
    yield made
    made.close()


def test_a_line_is_stored_once_whatever_the_rounds(desk: Desk, chance: random.Random) -> None:
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    written = []
    for number in range(2000):
        written.append(b"line %d" % number)
        journal.line(scope, 20, origin, written[-1])
        if chance.random() < 0.05:
            desk.drain.round()
        if chance.random() < 0.005:
            desk.restart()
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == written
    assert desk.receipt().text == "complete: 2,000 of 2,000"


def test_a_round_over_many_segments_reports_nothing_missing(desk: Desk) -> None:
    journal = desk.journal(segment_bytes=8192)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    for number in range(5000):
        journal.line(scope, 20, origin, b"line %d" % number)
    end(scope, journal)
    desk.rounds()
    assert desk.receipt().text == "complete: 5,000 of 5,000"
    assert desk.value("SELECT count(*) FROM log_lines") == 5000


def test_a_restart_in_the_middle_of_a_segment_reports_nothing_missing(desk: Desk) -> None:
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    for number in range(400):
        journal.line(scope, 20, origin, b"line %d" % number)
        if number % 7 == 0:
            desk.drain.round()
        if number % 90 == 0:
            desk.restart()
    end(scope, journal)
    desk.rounds()
    assert desk.receipt().text == "complete: 400 of 400"


def test_lines_from_signal_handlers_are_not_taken_for_missing(desk: Desk) -> None:
    """They are accepted while a segment is being opened, and stand in the next one."""
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    fired = 0

    def on_signal(number: int, frame: object) -> None:
        nonlocal fired
        fired += 1
        journal.line(scope, 40, origin, b"signal %d" % fired)

    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    written = 0
    try:
        while fired < 700:
            journal.line(scope, 20, origin, b"x" * 900)
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    end(scope, journal)
    desk.rounds()
    texts = desk.texts()
    assert [t for t in texts if b"lost" in t] == []
    assert len(texts) == written + fired
    assert desk.receipt().complete


def test_an_exception_thrown_while_a_segment_is_made_costs_no_other_line(desk: Desk) -> None:
    """The file is there, the journal does not know it yet: the next one must not hide behind it."""
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")

    def thrown(frame: Any, event: str, argument: Any) -> None:
        if event == "return" and frame.f_code is Segment.__init__.__code__:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(thrown)
    with pytest.raises(KeyboardInterrupt):
        journal.line(scope, 20, origin, b"interrupted")
    sys.setprofile(None)
    desk.rounds()
    for number in range(5):
        journal.line(scope, 20, origin, b"line %d" % number)
        desk.rounds()
    assert [t for t in desk.texts("JB_1") if t.startswith(b"line")] == [
        b"line %d" % n for n in range(5)
    ]
    journal.close()
    desk.rounds()
    assert list(desk.folder.glob("*.seg")) == []


def test_a_line_that_was_counted_and_is_not_there_is_reported_lost(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    journal.line(scope, 20, origin, b"there")
    scope.run.accepted += 3
    end(scope, journal)
    desk.rounds()
    receipt = desk.receipt()
    assert (receipt.lost, receipt.stored, receipt.complete) == (3, 2, False)
    assert desk.texts()[1].startswith(b"3 lines lost here")


def test_counters_equal_a_recount(desk: Desk, chance: random.Random) -> None:
    journal = desk.journal(segment_bytes=16384)
    run = Run("JB_1", 1)
    scopes = [Scope(run)] + [Scope(run, f"s{n % 3}", f"t{n}" if n % 2 else None) for n in range(12)]
    desk.begin(scopes[0], journal)
    origins = [journal.origin("logging", f"l{n}") for n in range(5)]
    for _ in range(3000):
        level = chance.choice([-5, 0, 10, 15, 20, 25, 30, 39, 40, 45, 50, 32767])
        journal.line(chance.choice(scopes), level, chance.choice(origins), b"x")
        if chance.random() < 0.02:
            desk.drain.round()
        if chance.random() < 0.002:
            desk.restart()
    end(scopes[0], journal)
    desk.rounds()
    recount = """
        SELECT context_key, count(*), min(id), max(id), max(level), sum(level < 20),
               sum(level >= 20 AND level < 30), sum(level >= 30 AND level < 40),
               sum(level >= 40 AND level < 50), sum(level >= 50), min(ts), max(ts)
        FROM log_lines GROUP BY context_key ORDER BY context_key
    """
    kept = """
        SELECT context_key, line_count, first_id, last_id, max_level, debug_count, info_count,
               warn_count, error_count, critical_count, first_ts, last_ts
        FROM log_contexts WHERE line_count ORDER BY context_key
    """
    assert desk.db.execute(kept).fetchall() == desk.db.execute(recount).fetchall()
    assert desk.value("SELECT first_error_seq FROM job_attempts") == desk.value(
        "SELECT min(id) & 4294967295 FROM log_lines WHERE level >= 40"
    )


def test_order_within_a_producer_survives_a_clock_that_goes_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are given in the order of the calls; two producers are merged by time."""
    from qntx.journal import writer

    times = iter([5_000_000, 1_000, 9_000_000, 2_000, 8_000_000] + [1] * 100)
    monkeypatch.setattr(writer, "_time_ns", lambda: next(times) * 1000)
    first, second = desk.journal(), desk.journal()
    run = Run("JB_1", 1)
    one, two = Scope(run), Scope(Run("JB_1", 1))
    for number in range(10):
        first.line(one, 20, first.origin("emitter"), b"first %d" % number)
        second.line(two, 20, second.origin("emitter"), b"second %d" % number)
    desk.rounds()
    texts = desk.texts()
    for name in (b"first", b"second"):
        assert [t for t in texts if t.startswith(name)] == [name + b" %d" % n for n in range(10)]


def test_two_journals_of_one_run_are_merged_by_time(desk: Desk) -> None:
    first, second = desk.journal(), desk.journal()
    one, two = Scope(Run("JB_1", 1)), Scope(Run("JB_1", 1))
    expected = []
    for number in range(50):
        journal, scope = ((first, one), (second, two))[number % 2]
        journal.line(scope, 20, journal.origin("emitter"), b"line %d" % number)
        expected.append(b"line %d" % number)
    desk.rounds()
    assert sorted(desk.texts()) == sorted(expected)
    assert desk.value("SELECT count(DISTINCT id) FROM log_lines") == 50


def test_files_are_removed_when_they_are_stored(desk: Desk) -> None:
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    for number in range(500):
        journal.line(scope, 20, origin, b"line %d" % number)
    desk.rounds()
    assert len(list(desk.folder.glob("*.seg"))) == 1
    journal.close()
    desk.rounds()
    assert list(desk.folder.glob("*.seg")) == []
    assert desk.drain.producers == 0
    assert desk.value("SELECT count(*) FROM journal_offsets") == 0


def test_leftovers_of_a_writer_that_died_at_birth_are_removed(desk: Desk) -> None:
    """Killed between creating the file and its first record: an empty file, or a blank one."""
    (desk.folder / "01EMPTY.00000000.seg").touch()
    (desk.folder / "01BLANK.00000000.seg").write_bytes(bytes(1 << 18))
    for _ in range(5):
        desk.rounds()
    assert list(desk.folder.glob("*.seg")) == []
    assert desk.drain.producers == 0


def test_a_sealed_segment_is_no_death(desk: Desk) -> None:
    """All read and unlocked: so it is when a writer has gone on to its next segment, too."""
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    journal.line(scope, 20, origin, b"x")
    producer = Producer(desk.folder, journal.producer, 0)
    assert producer.has_news()
    while producer.chunk() is not None:
        pass
    assert not producer.has_news()
    journal.line(scope, 20, origin, b"y" * (1 << 20))  # goes on in the next segment
    assert not producer.is_dead()
    producer.close()


def test_a_live_run_that_changes_segments_is_not_declared_lost(desk: Desk) -> None:
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal, worker=f"foreground:{journal.producer}")
    for number in range(300):
        journal.line(scope, 20, origin, b"line %d" % number)
        desk.drain.round(check_deaths=True)
    assert desk.value("SELECT status FROM job_attempts") == "running"


def test_a_run_whose_process_died_says_so(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal, worker=f"foreground:{journal.producer}")
    journal.line(scope, 20, origin, b"last words")
    desk.rounds()
    journal.forget()  # the file is let go of without an end, as by a kill
    desk.rounds()
    assert desk.texts()[0] == b"last words"
    assert desk.texts()[1].startswith(b"run lost")
    assert desk.value("SELECT status FROM async_ix_jobs") == "failed"
    assert desk.receipt().complete


@pytest.mark.parametrize("kind", [RUN, SCOPE, ORIGIN])
def test_a_damaged_definition_costs_no_other_run_a_line(desk: Desk, kind: int) -> None:
    broken = desk.journal()
    scope, origin = Scope(Run("JB_1", 1), "stage", "task"), broken.origin("emitter")
    desk.begin(Scope(scope.run), broken)
    for number in range(10):
        broken.line(scope, 20, origin, b"line %d" % number)
    damage(next(desk.folder.glob(f"{broken.producer}.*")), kind)
    good = desk.journal()
    other = Scope(Run("JB_2", 1))
    desk.begin(other, good)
    good.line(other, 20, good.origin("emitter"), b"good")
    end(other, good)
    end(scope, broken)
    desk.rounds()
    assert desk.texts("JB_2") == [b"good"]
    assert desk.receipt("JB_2").complete
    if kind != RUN:
        assert not desk.receipt("JB_1").complete or len(desk.texts("JB_1")) >= 10
    desk.restart()
    good.line(other, 20, good.origin("emitter"), b"later")
    desk.rounds()
    assert desk.texts("JB_2") == [b"good", b"later"]


def test_a_damaged_line_is_lost_and_said_so(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    for number in range(3):
        journal.line(scope, 20, origin, b"line %d" % number)
    damage(next(desk.folder.glob("*.seg")), LINE, skip=1)
    end(scope, journal)
    desk.rounds()
    assert desk.texts()[:2] == [b"line 0", b"line 2"]
    receipt = desk.receipt()
    assert (receipt.lost, receipt.complete) == (1, False)
    assert any(b"damaged" in text for text in desk.texts())


def damage(path: Path, kind: int, skip: int = 0) -> None:
    """Flip a bit in the body of a record of *kind* (the one after *skip* others)."""
    reader = SegmentReader(path)
    at = FIRST_RECORD
    for position, record in reader.records(FIRST_RECORD, reader.committed):
        if record.kind == kind:
            if skip == 0:
                break
            skip -= 1
        at = position
    else:
        raise AssertionError(f"no record of kind {kind}")
    reader.close()
    fd = os.open(path, os.O_RDWR)
    byte = os.pread(fd, 1, at + RECORD.size + 2)
    os.pwrite(fd, bytes([byte[0] ^ 1]), at + RECORD.size + 2)
    os.close(fd)


def test_nonsense_in_an_event_stops_nothing(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    journal.event(scope, "progress", {"current": 10**30, "total": "many"})
    journal.event(scope, "progress", {"current": {"a": 1}})
    journal.event(scope, "span", {"status": ["odd"], "name": {"x": 1}})
    journal.event(scope, "no such event", {})
    journal.event(scope, "checkpoint", {})
    journal.line(scope, 20, origin, b"line")
    end(scope, journal)
    desk.rounds()
    assert desk.texts()[0] == b"line"
    assert desk.value("SELECT status FROM job_attempts") == "completed"


def test_while_the_database_is_locked_nothing_is_lost_and_all_comes_later(desk: Desk) -> None:
    journal = desk.journal(segment_bytes=4096)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    other = apsw.Connection(str(desk.home / "qntx.db"))
    other.execute("BEGIN EXCLUSIVE")
    for number in range(200):
        journal.line(scope, 20, origin, b"line %d" % number)
        if number % 50 == 0:
            with pytest.raises(StoreBusy):
                desk.drain.round()
    desk.drain.sync_journals()
    other.execute("ROLLBACK")
    other.close()
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"line %d" % number for number in range(200)]
    assert desk.receipt().complete


def test_while_the_store_takes_nothing_the_journals_are_synced(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = desk.journal()
    journal.line(Scope(Run("JB_1", 1)), 20, journal.origin("emitter"), b"x")
    other = apsw.Connection(str(desk.home / "qntx.db"))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        desk.drain.round()
    synced: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(fd), real(fd)))
    desk.drain.sync_journals()
    other.close()
    assert synced, "the refused round forgot the journals, so that none was synced"


def test_a_full_database_and_a_large_line(desk: Desk) -> None:
    """The transaction fails while the line is still being looked at in the map."""
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    desk.rounds()
    pages = desk.value("PRAGMA page_count")
    desk.db.execute(f"PRAGMA max_page_count={pages + 10}")
    body = os.urandom(6 << 20)
    journal.line(scope, 20, origin, b"before")
    journal.line(scope, 20, origin, body)
    for _ in range(2):
        with pytest.raises(StoreBusy, match="is full"):
            desk.drain.round()
    desk.db.execute("PRAGMA max_page_count=1000000")
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"before", body]
    assert desk.receipt().complete


def test_a_line_that_no_row_can_hold_is_stored_in_several_and_stops_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's limit is a thousand million bytes; here it is lower, and so is that of metadata."""
    least = desk.db.limit(apsw.SQLITE_LIMIT_LENGTH) - sequencing.MOST_BYTES
    assert least >= 2 * sequencing.LARGE_MESSAGE_BYTES
    desk.db.limit(apsw.SQLITE_LIMIT_LENGTH, 1 << 20)
    monkeypatch.setattr(sequencing, "MOST_BYTES", (1 << 20) - least)
    desk.restart(desk.db)
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    text = "grüße " * 500_000
    journal.line(scope, 40, origin, text.encode())
    journal.line(scope, 20, origin, b"small", b'{"large":"' + b"x" * (2 << 20) + b'"}')
    journal.line(scope, 20, origin, b"after")
    journal.line(scope, 20, origin, b"y" * (2 << 20), b"1", 0, PART)
    desk.rounds()
    journal.line(scope, 20, origin, b"the whole of it", b"1", CLOSES_PART)
    end(scope, journal)
    desk.rounds()
    lines = [line for line, _ in LogStore(desk.db).lines("JB_1", LogFilter())]
    *pieces, small, after, whole = desk.texts()
    assert len(pieces) > 3
    assert b"".join(pieces).decode() == text
    assert ["no_newline" in line.flags for line in lines[: len(pieces)]] == [
        *[True] * (len(pieces) - 1),
        False,
    ]
    assert (small, after, whole) == (b"small", b"after", b"the whole of it")
    assert lines[-3].metadata["metadata"]["bytes"] == (2 << 20) + 12
    assert desk.receipt().complete
    assert [line.id for line in lines] == list(range(1, len(pieces) + 4))
    assert desk.value("SELECT error_count FROM job_attempts") == len(pieces)


def test_pieces_of_a_line_become_the_line(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("stdout")
    journal.line(scope, 20, origin, b"ab", b"1", 0, PART)
    desk.drain.round()
    desk.restart()
    journal.line(scope, 20, origin, b"cd", b"1", 0, PART)
    desk.drain.round()
    journal.line(scope, 20, origin, b"abcdef", b"1", 8)
    desk.rounds()
    assert desk.texts() == [b"abcdef"]
    assert desk.value("SELECT count(*) FROM log_parts") == 0


def test_pieces_that_nobody_completes_become_a_line_when_the_writer_dies(desk: Desk) -> None:
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1), "s", "t"), journal.origin("stderr")
    journal.line(scope, 30, origin, b"ab", b"1", 0, PART)
    desk.drain.round()
    desk.restart()
    journal.line(scope, 30, origin, b"cd", b"1", REDACTED, PART)
    desk.drain.round()
    journal.forget()
    desk.rounds()
    assert desk.texts() == [b"abcd"]
    level, flags = desk.db.execute("SELECT level, flags FROM log_lines").fetchall()[0]
    assert flags & NO_NEWLINE
    assert level == 30, "what stderr says is a warning, with or without a newline"
    assert desk.value("SELECT count(*) FROM log_parts") == 0


def test_a_late_line_of_a_run_that_is_over_gets_the_next_number(desk: Desk) -> None:
    first, second = desk.journal(), desk.journal()
    one, two = Scope(Run("JB_1", 1)), Scope(Run("JB_1", 1))
    desk.begin(one, first)
    first.line(one, 20, first.origin("emitter"), b"one")
    second.line(two, 20, second.origin("emitter"), b"two")
    end(one, first)
    desk.rounds()
    for number in range(5):
        second.line(two, 20, second.origin("emitter"), b"late %d" % number)
        desk.rounds()
        first.line(one, 20, first.origin("emitter"), b"later %d" % number)
        desk.rounds()
    assert len(desk.texts()) == 12
    ids = [row[0] & 0xFFFFFFFF for row in desk.db.execute("SELECT id FROM log_lines ORDER BY id")]
    assert ids == list(range(1, 13))
    assert desk.receipt().complete


def test_a_second_indexer_of_the_same_journals_stores_nothing_twice(desk: Desk) -> None:
    """The lock's file was removed, say: whoever comes second notices, and goes on from there."""
    journal = desk.journal()
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    desk.begin(scope, journal)
    journal.line(scope, 20, origin, b"one")
    desk.rounds()
    db = open_database(desk.home / "qntx.db", busy_timeout_ms=20)
    second = Drain(desk.folder, SqliteLogWriter(db))
    for drain, text in ((second, b"two"), (desk.drain, b"three"), (second, b"four")):
        other = desk.drain if drain is second else second
        for tell in (
            lambda: journal.event(scope, "progress", {"cost": 1}),
            partial(journal.line, scope, 20, origin, text),
        ):
            tell()
            drain.round()
            with pytest.raises(StoreUnavailable, match="stored the same"):
                other.round()
            assert other.round() == 0
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"one", b"two", b"three", b"four"]
    assert desk.value("SELECT cost_actual FROM async_ix_jobs") == 3
    assert desk.receipt().text == "complete: 4 of 4"
    second.close()
    db.close()


@pytest.mark.slow
def test_only_one_process_indexes_a_data_directory(tmp_path: Path) -> None:
    from qntx.indexer.launch import IndexerProcess

    first = IndexerProcess(tmp_path)
    try:
        lock = tmp_path / "indexer.lock"
        from tests.support.waiting import wait_until

        def locked() -> bool:
            if not lock.exists():
                return False
            with lock.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                return False

        wait_until(locked, "the indexer takes the lock")
        second = IndexerProcess(tmp_path)
        second.stop()
        assert first.alive
    finally:
        first.stop()
