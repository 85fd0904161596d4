"""What cannot be written says what was in the way: the system's reason, not a guess."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qntx.errors import StoreUnavailable
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run
from qntx.journal.writer import Journal
from qntx.recording.context import ActiveRun
from qntx.recording.lines import append_line, append_line_to
from qntx.storage.sqlite.migrate import open_database
from tests.support.data_directory import stored
from tests.support.recorded_runs import drain_all


@contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    """This process may have only so much; it is taken back at the end."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextmanager
def no_more_files() -> Iterator[None]:
    """No file can be opened."""
    last = os.dup(0)
    os.close(last)
    with limited(resource.RLIMIT_NOFILE, last):
        yield


@contextmanager
def in_the_way(folder: Path) -> Iterator[None]:
    """A file is where the journal's folder was."""
    folder.rename(folder.with_name("away"))
    folder.write_text("")
    yield
    folder.unlink()
    folder.with_name("away").rename(folder)


HINDRANCES = {
    "the process has too many open files (ulimit -n)": lambda folder: no_more_files(),
    "the process may not write files of that size (ulimit -f)": lambda folder: limited(
        resource.RLIMIT_FSIZE, 100
    ),
    "File exists": in_the_way,
}


@pytest.mark.parametrize("reason", HINDRANCES)
def test_lines_that_are_lost_say_why(tmp_path: Path, reason: str) -> None:
    home = tmp_path / "home"
    journal = Journal(home / "journal", segment_bytes=4_096, memory_limit_bytes=2_000)
    active = ActiveRun(Run("JB_1", 1), journal)
    origin = journal.origin("emitter")
    append_line(active, active.root, 20, origin, "before")
    with HINDRANCES[reason](home / "journal"):
        for n in range(3_000):
            append_line(active, active.root, 20, origin, f"line {n} " + "x" * 100)
        assert journal.hindrance == reason
    assert journal.close() == 0
    drain_all(home)
    with stored(home) as store:
        receipt, texts = store.receipt("JB_1"), store.texts("JB_1")
    assert receipt.lost > 100
    said = [text for text in texts if "lost" in text]
    assert [text.partition(": ")[2] for text in said] == [reason] * len(said)
    assert sum(int(text.split()[0].replace(",", "")) for text in said) == receipt.lost
    assert len(texts) - len(said) + receipt.lost == 3_001


def test_a_journal_whose_writer_is_gone_knows_what_was_in_the_way(tmp_path: Path) -> None:
    """Nobody can ask the process any more: it is in the header of its last segment."""
    home = tmp_path / "home"
    journal = Journal(home / "journal", segment_bytes=4_096)
    active = ActiveRun(Run("JB_1", 1), journal)
    append_line(active, active.root, 20, journal.origin("emitter"), "before")
    (path,) = (home / "journal").glob("*.seg")
    with no_more_files():
        append_line(active, active.root, 20, journal.origin("emitter"), "x" * 5_000_000)
        append_line(active, active.root, 20, journal.origin("emitter"), "y")
    journal.forget()  # as when it is killed: what waits is gone
    assert SegmentReader(path).in_memory == 2
    drain_all(home)
    with stored(home) as store:
        assert store.texts("JB_1")[1] == (
            "2 lines lost here: the process ended while its journal could not be written"
            " (the process has too many open files (ulimit -n))"
        )
        assert not store.receipt("JB_1").complete


@pytest.fixture
def size_is_fatal() -> Iterator[None]:
    """A write beyond the limit on file sizes ends the process, as it does without Python."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("limit", [8_192, 100_000, 1_000_000])
@pytest.mark.usefixtures("size_is_fatal")
def test_segments_are_no_larger_than_files_may_be(tmp_path: Path, limit: int) -> None:
    """And a line that is larger than that is lost in its place; the others are kept."""
    home = tmp_path / "home"
    journal = Journal(home / "journal")
    active = ActiveRun(Run("JB_1", 1), journal)
    origin = journal.origin("emitter")
    expected = []
    with limited(resource.RLIMIT_FSIZE, limit):
        for n in range(200):
            large = n in (20, 21, 150)
            text = f"line {n} " + "x" * (limit * 3 if large else 700)
            append_line(active, active.root, 20, origin, text)
            lost = "1 line lost here: the process may not write files of that size (ulimit -f)"
            expected.append(lost if large else text)
        sizes = [path.stat().st_size for path in (home / "journal").glob("*.seg")]
    assert max(sizes) <= limit
    assert journal.close() == 0
    drain_all(home)
    with stored(home) as store:
        assert store.texts("JB_1") == expected
        assert store.receipt("JB_1").lost == 3


def test_a_line_that_waits_and_becomes_too_large_holds_up_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    journal = Journal(home / "journal")
    active = ActiveRun(Run("JB_1", 1), journal)
    origin = journal.origin("emitter")
    append_line(active, active.root, 20, origin, "before")
    with no_more_files():
        append_line(active, active.root, 20, origin, "x" * 5_000_000)
        append_line(active, active.root, 20, origin, "after")
    with limited(resource.RLIMIT_FSIZE, 1_000_000):
        assert journal.close() == 0
    drain_all(home)
    with stored(home) as store:
        assert sorted(store.texts("JB_1")) == [
            "1 line lost here: the process may not write files of that size (ulimit -f)",
            "after",
            "before",
        ]


@pytest.mark.parametrize(
    ("kind", "soft", "reason"),
    [
        (resource.RLIMIT_FSIZE, 4_096, "the process may not write files of that size (ulimit -f)"),
        (resource.RLIMIT_NOFILE, 3, "the process has too many open files (ulimit -n)"),
    ],
)
def test_the_store_says_why_it_cannot_be_written(
    tmp_path: Path, kind: int, soft: int, reason: str
) -> None:
    home = tmp_path / "home"
    journal = Journal(home / "journal")
    append_line_to(journal, "JB_1", 20, "emitter", "words")
    with limited(kind, soft), pytest.raises(StoreUnavailable) as raised:
        open_database(home / "qntx.db")
    assert reason in str(raised.value)
    journal.close()
    drain_all(home)
    with stored(home) as store:
        assert store.texts("JB_1") == ["words"]
