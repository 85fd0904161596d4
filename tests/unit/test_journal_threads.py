"""Threads that hammer one journal: nothing is lost, doubled, torn, or out of order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.journal.format import EVENT, FIRST_RECORD, LINE
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
from tests.support.effort import times

THREADS = 8
LINES = times(2_000, 100_000)
#: Small ones: threads meet where a segment is full, and the next one needs all definitions anew.
SEGMENT_BYTES = 32 << 10


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    """Threads that have a lock for all of Python take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def hammer(journal: Journal, scopes: list[Scope]) -> None:
    """Each thread says its lines, in turn under one of *scopes*, and sends events between."""
    origins = [journal.origin("emitter"), journal.origin("logging", "a"), journal.origin("stdout")]
    begin = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def say(thread: int) -> None:
        begin.wait()
        try:
            for n in range(LINES):
                # Of many lengths, and long enough for a record to be torn by a second writer.
                text = b"%d %d " % (thread, n) + bytes([65 + thread]) * (n % 97)
                journal.line(scopes[n % len(scopes)], 20, origins[n % 3], text)
                if n % 50 == 0:
                    journal.event(scopes[0], "progress", {"thread": thread, "n": n})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_eight_threads_lose_double_and_tear_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", segment_bytes=SEGMENT_BYTES)
    runs = [Run("JB_1", 1), Run("JB_2", 1)]
    scopes = [Scope(run, stage) for stage in ("one", "two", None) for run in runs]
    hammer(journal, scopes)
    assert journal.close() == 0
    said: dict[int, list[int]] = {thread: [] for thread in range(THREADS)}
    events = 0
    for path in sorted(journal.folder.glob("*.seg")):
        reader = SegmentReader(path)
        for _, record in reader.records(FIRST_RECORD, reader.committed):
            assert record.intact
            events += record.kind == EVENT
            if record.kind == LINE:
                thread, n, filling = bytes(record.message).split(b" ")
                assert filling == bytes([65 + int(thread)]) * (int(n) % 97)
                said[int(thread)].append(int(n))
        reader.close()
    assert said == {thread: list(range(LINES)) for thread in range(THREADS)}
    assert events == THREADS * len(range(0, LINES, 50))
    assert sum(run.accepted for run in runs) == THREADS * LINES
