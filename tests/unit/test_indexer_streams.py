"""What went past Python: streams by name, their ends, their losses, and receipts that know both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.journal.format import CLOSES_PART, PART
from qntx.journal.run_scope import Run, Scope
from qntx.journal.secret_hashes import write_hashes
from qntx.journal.writer import Journal
from qntx.model.views import Line, LogFilter
from qntx.storage.sqlite.logs import LogStore
from tests.support.indexer_desk import Desk, end
from tests.support.spool_files import WrittenStream


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def journal(desk: Desk) -> Journal:
    return desk.journal()


@pytest.fixture
def scope(desk: Desk, journal: Journal) -> Scope:
    made = Scope(Run("JB_1", 1))
    desk.begin(made, journal)
    return made


def spools(desk: Desk) -> list[str]:
    return sorted(path.name for path in (desk.folder / "spool").iterdir())


def test_a_receipt_is_complete_when_every_stream_was_seen_to_its_end(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    stream = WrittenStream(journal).announce(scope)
    desk.rounds()
    assert desk.receipt().text == "so far: 0"
    stream.begin().write(b"one\ntwo\nthr")
    desk.rounds()
    assert (desk.texts(), desk.receipt().text) == ([b"one", b"two"], "so far: 2")
    stream.write(b"ee").settle(scope, last=True, ended=True)
    end(scope, journal)
    desk.rounds()
    receipt = desk.receipt()
    assert desk.texts() == [b"one", b"two", b"three"]
    assert (receipt.text, receipt.complete, receipt.so_far) == ("complete: 3 of 3", True, False)
    assert spools(desk) == []
    stream.let_go()
    desk.rounds()
    assert desk.value("SELECT count(*) FROM log_spools") <= 1, "forgotten with the next round"
    assert desk.receipt().text == "complete: 3 of 3"


def test_a_stream_that_outlives_its_attempt_keeps_the_receipt_open(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    """A daemon that a job has left behind."""
    stream = WrittenStream(journal).begin().announce(scope).write(b"ready")
    stream.settle(scope, last=True)
    end(scope, journal)
    desk.rounds()
    receipt = desk.receipt()
    assert desk.texts() == [b"ready"]
    assert (receipt.text, receipt.open_streams, receipt.complete) == ("so far: 1", 1, False)
    desk.restart()
    stream.write(b"late\nlater\n").end()
    desk.rounds()
    assert desk.texts() == [b"ready", b"late", b"later"]
    assert desk.receipt().text == "complete: 3 of 3"


@pytest.mark.parametrize("taken_up", [True, False])
def test_a_stream_without_an_end_is_named_and_turns_the_receipt(
    desk: Desk, journal: Journal, scope: Scope, taken_up: bool
) -> None:
    stream = WrittenStream(journal).announce(scope)
    if taken_up:
        stream.begin().write(b"one\ntw")
    end(scope, journal)
    desk.rounds()
    assert desk.receipt().so_far
    stream.let_go()
    desk.rounds()
    *said, last = desk.texts()
    assert said == ([b"one", b"tw"] if taken_up else [])
    assert last.startswith(b"the end of stdout of make was not seen")
    receipt = desk.receipt()
    assert (receipt.lost, receipt.complete, receipt.so_far) == (1, False, False)
    assert receipt.unseen == ["stdout of make"]
    assert receipt.text.endswith("1 lost; the end of stdout of make was not seen")
    desk.restart()
    desk.rounds()
    assert desk.receipt() == receipt, "it is told once"


def test_a_stream_whose_file_is_gone_is_named_and_turns_the_receipt(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    stream = WrittenStream(journal, stream="stderr").announce(scope)
    stream.path.unlink()
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"the end of stderr of make was not seen: its file is gone"]
    assert desk.receipt().unseen == ["stderr of make"]
    stream.let_go()


def test_output_that_found_no_room_is_told_where_it_is_missing(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    stream = WrittenStream(journal).begin().announce(scope)
    stream.write(b"one\nhalf").lose(2, 90).lose(5, 110).write(b"rest\n")
    desk.rounds()
    before = [b"one", b"half", b"7 lines lost here: no room on the disk", b"rest"]
    assert desk.texts() == before
    assert desk.receipt().text == "so far: 4, 7 lost"
    desk.restart()
    stream.lose(0, 3).end()
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [*before, b"1 line lost here: no room on the disk"]
    assert desk.receipt().text == "incomplete: 5 of 13, 8 lost"
    [half] = [line for line, text in lines(desk) if text == b"half"]
    assert half.flags == ["no_newline"]


def test_a_stream_that_no_run_wrote_to_waits_for_the_next(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    """Descriptors 1 and 2 of a worker, between two runs: the receipt of the first is whole."""
    stream = WrittenStream(journal).begin().announce(scope, shared=True)
    end(scope, journal)
    desk.rounds()
    assert desk.receipt().text == "complete: 0 of 0"
    second = Scope(Run("JB_2", 1))
    desk.begin(second, journal)
    journal.event(second, "spools", {})
    desk.rounds()
    stream.write(b"said\n").settle(second, last=True)
    end(second, journal)
    desk.rounds()
    assert (desk.texts("JB_1"), desk.texts("JB_2")) == ([], [b"said"])
    assert desk.receipt("JB_2").text == "so far: 1"
    stream.end()
    desk.rounds()
    assert desk.receipt("JB_2").text == "complete: 1 of 1"
    assert desk.receipt("JB_1").text == "complete: 0 of 0"


def test_a_copied_or_moved_data_directory_reads_its_own_streams(
    desk: Desk, journal: Journal, scope: Scope, tmp_path: Path
) -> None:
    stream = WrittenStream(journal).begin().announce(scope).write(b"one\n")
    desk.rounds()
    stream.write(b"two\n")
    shutil.copytree(desk.home, tmp_path / "copy")
    copy = Desk(tmp_path / "copy")
    copy.rounds()
    assert copy.texts()[:2] == [b"one", b"two"]
    assert copy.receipt().unseen == ["stdout of make"], "nobody writes to the copy's"
    copy.close()
    assert stream.path.exists()
    stream.write(b"three\n").settle(scope, last=True, ended=True)
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"one", b"two", b"three"]
    assert desk.receipt().complete
    stream.let_go()


def test_a_stream_that_cannot_be_opened_is_waited_for_and_named(
    desk: Desk, journal: Journal, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another user, or behind a mount that is not there yet."""
    monkeypatch.setattr("qntx.indexer.spool.PATIENCE_S", 0.0)
    stream = WrittenStream(journal).begin().announce(scope).write(b"one\n")
    hidden = stream.path.with_name("hidden")
    stream.path.rename(hidden)
    stream.path.symlink_to(stream.path.name)  # ELOOP, whoever asks
    desk.rounds()
    desk.rounds()
    [said] = desk.texts()
    assert said.startswith(b"stdout of make cannot be read by this indexer (Too many levels")
    assert desk.receipt().so_far
    stream.path.unlink()
    hidden.rename(stream.path)
    stream.end()
    end(scope, journal)
    desk.rounds()
    assert desk.texts()[1:] == [b"one"]
    assert desk.receipt().complete


def test_a_stream_of_an_older_program_is_read_to_its_end(
    desk: Desk, journal: Journal, scope: Scope, tmp_path: Path
) -> None:
    """It has a whole path and no header; in another folder, its file is somebody else's."""
    path = tmp_path / f"{journal.producer}.1.1.stdout.spool"
    path.write_bytes(b"one\ntwo")
    fields = {"stream": "stdout", "source": "subprocess", "shared": False, "keep": False}
    journal.event(scope, "spool", {"path": str(path), **fields})
    end(scope, journal)
    desk.rounds()
    assert desk.texts() == [b"one", b"two"]
    assert desk.receipt().text == "complete: 2 of 2"
    assert path.exists()


def test_a_stored_stream_is_not_stored_again_after_a_kill(
    desk: Desk, journal: Journal, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the commit and the removal of its file."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    stream = WrittenStream(journal).begin().announce(scope).write(b"one\n").end()
    with monkeypatch.context() as patch:
        patch.setattr("qntx.indexer.spools.Spools.clean_up", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.rounds()
    assert stream.path.exists()
    desk.restart()
    end(scope, journal)
    desk.rounds()
    assert not stream.path.exists()
    assert desk.texts() == [b"one"]
    assert desk.receipt().text == "complete: 1 of 1"


def lines(desk: Desk) -> list[tuple[Line, bytes]]:
    return list(LogStore(desk.db).lines("JB_1", LogFilter()))


BAR = b"".join(b"\r\x1b[2Kprogress %d%%" % n for n in range(150))


@pytest.mark.parametrize(
    ("written", "message", "metadata"),
    [
        (BAR + b"\n", b"progress 149%", {"frames": 150}),
        (b"10%\r20%\r100%\r\n", b"100%", {"frames": 3}),
        (b"bar 1\rbar 2\r     \r\n", b"bar 2", {"frames": 2}),
        (b"a line\r\n", b"a line\r", None),
        (b"\rone frame\n", b"\rone frame", None),
        (b"\xff\rno text\rat all\n", b"\xff\rno text\rat all", None),
    ],
)
def test_frames_of_a_progress_bar_collapse_to_the_last(
    desk: Desk,
    journal: Journal,
    scope: Scope,
    written: bytes,
    message: bytes,
    metadata: object,
) -> None:
    stream = WrittenStream(journal).begin().announce(scope)
    for at in range(0, len(written), 7):
        stream.write(written[at : at + 7])
        desk.drain.round()
    stream.write(b"end\n").end()
    desk.rounds()
    [(line, text), (after, end)] = lines(desk)
    assert (text, line.metadata) == (message, metadata)
    assert (end, after.metadata) == (b"end", None)


def test_a_million_frames_take_no_room_in_a_round(
    desk: Desk, journal: Journal, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qntx.indexer.spool_file.FOLD_BYTES", 1000)
    stream = WrittenStream(journal).begin().announce(scope)
    for number in range(40):
        stream.write(b"".join(b"\rprogress %d" % (number * 100 + n) for n in range(100)))
        desk.drain.round()
        if number == 20:
            desk.restart()
    stream.write(b"\nend\n")
    before = desk.value("SELECT position FROM log_spools")
    assert stream.size - before < 3_000
    desk.rounds()
    [(line, text), _] = lines(desk)
    assert (text, line.metadata) == (b"progress 3999", {"frames": 4000})
    stream.end()


def growing(desk: Desk, **wanted: Any) -> list[tuple[str, Any]]:
    found = LogStore(desk.db).growing("JB_1", LogFilter(**wanted))
    assert all(line.id == 0 and "no_newline" in line.flags for line in found)
    return [(line.message, line.metadata) for line in found]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qntx.indexer.spool.GROWING_S", -1.0)


@pytest.mark.usefixtures("at_once")
def test_an_unfinished_line_shows_while_it_grows(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    stream = WrittenStream(journal).begin().announce(scope)
    for so_far, written in [
        ("copying", b"copying"),
        ("copying ... ", b" ... "),
        ("10%", b"\r10%"),
        ("20%", b"\r20%\r"),
    ]:
        stream.write(written)
        desk.rounds()
        desk.rounds()
        assert [text for text, _ in growing(desk)] == [so_far]
        assert desk.texts() == []
    assert growing(desk)[0][1] == {"frames": 3}
    assert growing(desk, min_level=40) == []
    assert growing(desk, sources=("emitter",)) == []
    desk.restart()
    stream.write(b"done\nnext")
    desk.drain.round()
    assert (growing(desk), desk.texts()) == ([], [b"done"])
    stream.end()
    desk.rounds()
    assert (growing(desk), desk.texts()) == ([], [b"done", b"next"])
    assert desk.value("SELECT count(*) FROM log_parts") == 0


@pytest.mark.usefixtures("at_once")
def test_an_unfinished_line_shows_nothing_that_may_become_a_secret(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    token = b"ghp_" + b"a1B2" * 9
    stream = WrittenStream(journal).begin().announce(scope)
    stream.write(b"the token is " + token[:20])
    desk.rounds()
    desk.rounds()
    assert growing(desk) == [("the token is ", None)]
    stream.write(token[20:] + b" and more")
    desk.rounds()
    desk.rounds()
    [(text, _)] = growing(desk)
    assert text.startswith("the token is ***[github-token:")
    assert text.endswith("] and more")
    stream.write(b"\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow")
    desk.rounds()
    desk.rounds()
    assert growing(desk) == []
    stream.end()


def test_frames_of_a_stream_of_python_collapse_while_they_come(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    origin = journal.origin("stdout")
    for number in range(150):
        journal.line(scope, 20, origin, b"\rprogress %d%%" % number, b"7", 0, PART)
        desk.drain.round()
        assert growing(desk)[0][0] == f"progress {number}%"
        if number == 70:
            desk.restart()
    assert growing(desk) == [("progress 149%", {"frames": 150})]
    assert desk.value("SELECT count(*) FROM log_parts") == 1
    journal.line(scope, 20, origin, BAR, b"7", CLOSES_PART)
    desk.rounds()
    [(line, text)] = lines(desk)
    assert (text, line.metadata) == (b"progress 149%", {"frames": 150})
    assert growing(desk) == []


def test_what_a_process_has_masked_is_forgotten_with_its_last_stream(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    """Also where the process is gone before that: a child outlives it."""
    write_hashes(desk.folder / "spool", journal.producer, ["a secret of the process"])
    stream = WrittenStream(journal).begin().announce(scope).write(b"child\n")
    stream.settle(scope, last=True)
    end(scope, journal)
    journal.close()
    desk.rounds()
    assert spools(desk) == [stream.name, f"{journal.producer}.hashes"]
    stream.write(b"late\n").end()
    desk.rounds()
    assert desk.texts() == [b"child", b"late"]
    assert spools(desk) == []


def test_frames_of_a_process_that_died_are_a_line_with_the_last(
    desk: Desk, journal: Journal, scope: Scope
) -> None:
    origin = journal.origin("stdout")
    for number in range(20):
        journal.line(scope, 20, origin, b"\rprogress %d%%" % number, b"7", 0, PART)
        desk.drain.round()
    journal.forget()
    desk.rounds()
    [(line, text)] = [(line, text) for line, text in lines(desk) if line.source == "stdout"]
    assert (text, line.metadata) == (b"progress 19%", {"frames": 20})
    assert line.flags == ["no_newline"]
