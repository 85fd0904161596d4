"""The writing side of the journal: publication, order, interruptions, forks, names of files."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.journal.format import (
    COMMITTED_WORD,
    CONTINUED,
    ENDED,
    FIRST_RECORD,
    LINE,
    MAGIC_WORD,
    OPEN,
    PART,
    RAW,
    SegmentName,
    segment_name,
)
from qntx.journal.reader import Record, SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


def scope(job: str = "JB_1") -> Scope:
    return Scope(Run(job, 1))


def segments(journal: Journal) -> list[Path]:
    return sorted(journal.folder.glob(f"{journal.producer}.*.seg"))


def records(journal: Journal) -> list[Record]:
    """All records in all segments, copied out."""
    found = []
    for path in segments(journal):
        reader = SegmentReader(path)
        for _, record in reader.records(FIRST_RECORD, reader.committed):
            assert record.intact
            found.append(record._replace(message=bytes(record.message)))
        reader.close()
    return found


def messages(journal: Journal) -> list[bytes]:
    return [bytes(record.message) for record in records(journal) if record.kind == LINE]


def test_a_line_is_published_when_the_call_returns(journal: Journal) -> None:
    where, origin = scope(), journal.origin("emitter")
    for number in range(100):
        journal.line(where, 20, origin, b"line %d" % number, b'{"n":1}')
        (last,) = records(journal)[-1:]
        assert (last.message, last.metadata) == (b"line %d" % number, b'{"n":1}')


def test_a_line_carries_all_that_was_said_of_it(journal: Journal) -> None:
    where, origin = scope(), journal.origin("logging", "a.b")
    journal.line(where, -32768, origin, b"\xff", b"", RAW)
    journal.line(where, 32767, origin, b"piece", b"7", 0, PART)
    first, second = records(journal)[-2:]
    assert (first.kind, first.level, first.flags, first.message) == (LINE, -32768, RAW, b"\xff")
    assert (second.kind, second.level, second.metadata) == (PART, 32767, b"7")
    assert first.scope == second.scope == where.number
    assert first.origin == origin.number
    assert first.at_us <= second.at_us


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=3000), max_size=40), st.integers(1 << 10, 1 << 14))
def test_any_bytes_come_back_in_order_over_any_segment_size(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], segment_bytes: int
) -> None:
    journal = Journal(tmp_path_factory.mktemp("j"), segment_bytes=segment_bytes)
    where, origin = scope(), journal.origin("emitter")
    for body in bodies:
        journal.line(where, 20, origin, body, b"")
    journal.close()
    assert messages(journal) == bodies


def test_a_message_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=4096)
    where, origin = scope(), journal.origin("emitter")
    body = os.urandom(1 << 20)
    journal.line(where, 20, origin, b"before")
    journal.line(where, 20, origin, body)
    journal.line(where, 20, origin, b"after")
    journal.close()
    assert messages(journal) == [b"before", body, b"after"]


def test_every_segment_can_be_read_without_those_before(tmp_path: Path) -> None:
    """Definitions are repeated, so that a segment may be removed once it is stored."""
    journal = Journal(tmp_path, segment_bytes=4096)
    where, origin = scope(), journal.origin("emitter")
    for number in range(300):
        journal.line(where, 20, origin, b"x" * 50 + b"%d" % number)
    journal.close()
    assert len(segments(journal)) > 3
    for path in segments(journal):
        reader = SegmentReader(path)
        kinds = [record.kind for _, record in reader.records(FIRST_RECORD, reader.committed)]
        reader.close()
        assert LINE not in kinds[:3]
        assert kinds.count(LINE) == len(kinds) - 3


def test_segments_say_how_the_journal_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=4096)
    where, origin = scope(), journal.origin("emitter")
    for number in range(300):
        journal.line(where, 20, origin, b"x" * 50 + b"%d" % number)
    states = []
    for path in segments(journal):
        reader = SegmentReader(path)
        states.append(reader.state)
        reader.close()
    assert states == [CONTINUED] * (len(states) - 1) + [OPEN]
    journal.close()
    reader = SegmentReader(segments(journal)[-1])
    assert reader.state == ENDED
    reader.close()


# pytest-xdist has a thread of its own, of which os.fork warns from Python 3.12 on.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.slow
def test_the_word_that_publishes_never_goes_backwards(tmp_path: Path) -> None:
    """A reader that looks at every moment sees the end of published records only grow."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            journal = Journal(tmp_path, segment_bytes=1 << 20)
            journal._next_size = 64 << 20
            where, origin = scope(), journal.origin("emitter")
            journal.line(where, 20, origin, b"first")
            os.write(go, b"x")
            for _ in range(100_000):
                journal.line(where, 20, origin, b"a line of ordinary length, more or less")
            journal.close()
        finally:
            os._exit(0)
    os.read(ready, 1)
    (path,) = tmp_path.glob("*.seg")
    reader = SegmentReader(path)
    last = moves = 0
    while reader.state == OPEN:
        now = reader.committed
        assert now >= last
        moves += now > last
        last = now
    reader.close()
    os.waitpid(child, 0)
    os.close(ready)
    os.close(go)
    assert moves > 10, f"seen to move {moves} times only: the test shows nothing"


def test_the_header_is_finished_by_its_magic(journal: Journal) -> None:
    journal.line(scope(), 20, journal.origin("emitter"), b"x")
    data = segments(journal)[0].read_bytes()
    words = memoryview(data[:FIRST_RECORD]).cast("Q")
    assert data[:8] == b"QNTXJ01\n"
    assert words[COMMITTED_WORD] > FIRST_RECORD
    assert words[MAGIC_WORD] == int.from_bytes(b"QNTXJ01\n", "little")


def test_a_segment_has_real_blocks_on_the_disk(journal: Journal) -> None:
    """A store into a sparse mapping would die of SIGBUS when the disk is full."""
    journal.line(scope(), 20, journal.origin("emitter"), b"x")
    status = segments(journal)[0].stat()
    assert status.st_blocks * 512 >= status.st_size


def test_files_are_for_their_owner_only(journal: Journal) -> None:
    journal.line(scope(), 20, journal.origin("emitter"), b"x")
    assert segments(journal)[0].stat().st_mode & 0o777 == 0o600
    assert journal.folder.stat().st_mode & 0o777 == 0o700


def test_threads_share_a_journal_without_mixing(journal: Journal) -> None:
    where, origin = scope(), journal.origin("emitter")

    def write(thread: int) -> None:
        for number in range(500):
            journal.line(where, 20, origin, b"%d/%d" % (thread, number))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = messages(journal)
    assert len(found) == 4000
    for number in range(8):
        mine = [m for m in found if m.startswith(b"%d/" % number)]
        assert mine == [b"%d/%d" % (number, k) for k in range(500)]
    assert where.run.accepted == 4000


class _Interrupt(Exception):
    pass


def throw_into(call: Callable[[], None], times: int) -> int:
    """Have a signal handler throw into *call*, again and again; returns how often it returned."""
    armed = False
    thrown = returned = 0

    def on_signal(number: int, frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise _Interrupt

    def until_thrown() -> None:
        # On some versions what is thrown where a loop begins anew passes by the `except` around
        # it (python/cpython#108214 and #130279), unless that is another function's.
        nonlocal returned
        while armed:
            call()
            returned += 1

    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        while thrown < times:
            try:
                armed = True
                until_thrown()
            except _Interrupt:
                thrown += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return returned


def test_signal_handlers_that_log_neither_deadlock_nor_lose(journal: Journal) -> None:
    where, origin = scope(), journal.origin("emitter")
    fired = 0

    def on_signal(number: int, frame: object) -> None:
        nonlocal fired
        fired += 1
        journal.line(where, 40, origin, b"signal %d" % fired)
        journal.event(where, "progress", {"current": fired})

    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    written = 0
    try:
        while fired < 500:
            journal.line(where, 20, origin, b"main %d" % written)
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    found = messages(journal)
    assert [m for m in found if m.startswith(b"main")] == [b"main %d" % n for n in range(written)]
    # A handler may itself be interrupted before its line is appended: neighbours may swap.
    assert sorted(m for m in found if m.startswith(b"sig")) == sorted(
        b"signal %d" % n for n in range(1, fired + 1)
    )
    assert where.run.accepted == written + fired


def test_an_exception_thrown_into_an_append_leaves_the_journal_usable(journal: Journal) -> None:
    """Ctrl-C and timeouts by signal raise anywhere, also while the lock is being taken."""
    where, origin = scope(), journal.origin("emitter")
    numbers = count()
    returned = throw_into(
        lambda: journal.line(where, 20, origin, b"main %d" % next(numbers)), times=1000
    )
    said_by_another_thread(journal, where)
    journal.line(where, 20, origin, b"last")
    found = messages(journal)
    assert found[-1] == b"last"
    assert len({m for m in found if m.startswith(b"main")}) >= returned


def test_an_exception_thrown_into_an_event_leaves_the_journal_usable(journal: Journal) -> None:
    where = scope()
    throw_into(lambda: journal.event(where, "progress", {"current": 1}), times=1500)
    said_by_another_thread(journal, where)
    assert messages(journal) == [b"from another thread"]


def said_by_another_thread(journal: Journal, where: Scope) -> None:
    """Another thread can append: nobody has left the lock held."""
    done = threading.Event()

    def other() -> None:
        journal.line(where, 20, journal.origin("emitter"), b"from another thread")
        done.set()

    threading.Thread(target=other, daemon=True).start()
    assert done.wait(60), "the lock was left held: no other thread can log any more"


# pytest-xdist has a thread of its own, of which os.fork warns from Python 3.12 on.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.slow
def test_a_forked_child_writes_a_journal_of_its_own(tmp_path: Path) -> None:
    from qntx.recording import session
    from qntx.recording.context import ACTIVE_RUNS, ActiveRun

    journal = session.journal_of(tmp_path)
    active = ActiveRun(Run("JB_1", 1), journal)
    origin = journal.origin("emitter")
    ACTIVE_RUNS[active.run] = active
    try:
        journal.line(active.root, 20, origin, b"parent before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                active.journal.line(active.root, 20, origin, b"child")
                status = 0 if active.journal is not journal else 2
            finally:
                os._exit(status)
        journal.line(active.root, 20, origin, b"parent after")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert messages(journal) == [b"parent before", b"parent after"]
        others = {SegmentName.parse(path) for path in journal.folder.glob("*.seg")}
        producers = {name.producer for name in others if name}
        assert len(producers) == 2
    finally:
        del ACTIVE_RUNS[active.run]
        session.close_journals()


@given(st.integers(0, 10**8 - 1), st.from_regex(r"[0-9A-Z.]{1,30}", fullmatch=True))
def test_a_segments_name_says_producer_and_number(number: int, producer: str) -> None:
    name = SegmentName.parse(segment_name(producer, number))
    assert name == SegmentName(producer, number)


@pytest.mark.parametrize("name", ["x", "x.seg", ".00000001.seg", "a.b.seg", "a.1", "a.1.tmp"])
def test_other_files_are_no_segments(name: str) -> None:
    assert SegmentName.parse(name) is None


def test_what_cannot_be_opened_waits_and_does_not_raise(tmp_path: Path) -> None:
    """A folder that is a file, say: no call raises, and all is written once it can be."""
    (tmp_path / "journal").write_text("in the way")
    journal = Journal(tmp_path / "journal")
    where, origin = scope(), journal.origin("emitter")
    journal.line(where, 20, origin, b"one")
    journal.line(where, 20, origin, b"two")
    journal.event(where, "progress", {"current": 1})
    (tmp_path / "journal").unlink()
    journal.close()
    assert messages(journal) == [b"one", b"two"]


def test_lines_after_the_end_still_reach_the_disk(journal: Journal) -> None:
    """A daemon thread that outlives the run, say."""
    where, origin = scope(), journal.origin("emitter")
    journal.line(where, 20, origin, b"before")
    journal.close()
    journal.line(where, 20, origin, b"after")
    assert messages(journal) == [b"before", b"after"]
