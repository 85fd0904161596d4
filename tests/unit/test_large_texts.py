"""Large texts and many lines: what is done in pieces gives what is done in one go."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.journal.format import FIRST_RECORD, LINE
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
from qntx.recording.redaction import Redactor
from qntx.recording.search_windows import WINDOW
from tests.support.recorded_runs import Recorded
from tests.unit.test_redaction import TOKENS

KNOWN = "correct-horse-battery-" + "staple" * 20


def around(border: int, length: int) -> list[int]:
    """Places at which something of *length* characters lies before, on and behind a border."""
    return [border - length - 1, border - length, border - length // 2, border - 1, border]


@pytest.mark.parametrize("letter", ["z ", "ä ", "\udc80 "])
@pytest.mark.parametrize("name", TOKENS)
def test_a_secret_on_the_border_of_two_pieces_is_masked(name: str, letter: str) -> None:
    guard, token = Redactor(), TOKENS[name].replace("\n", " ")
    for border in (WINDOW, 2 * WINDOW):
        for at in around(border, len(token)):
            before = (letter * at)[: at - 1] + " "
            text = before + token + " " + letter * WINDOW
            short = guard.text("  " + token + " z")
            assert "***[" in short
            whole = guard.text(text)
            assert whole[: at - 1] == text[: at - 1]
            assert whole[at - 2 :].startswith(text[at - 2 : at] + short[2:-2])


@settings(max_examples=50)
@given(st.integers(0, 3 * WINDOW), st.lists(st.integers(1, 2 * WINDOW), max_size=4))
def test_what_is_known_is_found_in_any_piece(at: int, cuts: list[int]) -> None:
    guard = Redactor([("known", KNOWN)])
    text = "z" * at + KNOWN + "z" * (3 * WINDOW - at)
    assert guard.text(text) == "z" * at + guard.marker("known", KNOWN) + "z" * (3 * WINDOW - at)
    assert guard.suspects(text.encode())
    assert not guard.suspects(text.replace(KNOWN, "").encode())
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(text[start : start + cut])
        start += cut
    pieces.append(text[start:])
    assert not guard.is_plain(pieces)
    assert guard.is_plain(piece.replace("-", "z") for piece in pieces)


def said(journal: Journal) -> list[tuple[bytes, int, int, int]]:
    """Message, level, flags and origin of each line in a journal."""
    found = []
    for path in sorted(journal.folder.glob("*.seg")):
        reader = SegmentReader(path)
        for _, record in reader.records(FIRST_RECORD, reader.committed):
            assert record.intact
            if record.kind == LINE:
                found.append((bytes(record.message), record.level, record.flags, record.origin))
        reader.close()
    return found


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=60), max_size=12),
    st.integers(1 << 10, 1 << 14),
)
def test_lines_at_once_are_the_lines_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], segment_bytes: int
) -> None:
    journal = Journal(tmp_path_factory.mktemp("j"), segment_bytes=segment_bytes)
    where, origin = Scope(Run("JB_1", 1)), journal.origin("stdout")
    for batch in batches:
        journal.lines(where, 20, origin, batch, 4)
        journal.line(where, 30, origin, b"between")
    journal.close()
    expected = []
    for batch in batches:
        expected += [(message, 20, 4, origin.number) for message in batch]
        expected.append((b"between", 30, 0, origin.number))
    assert said(journal) == expected
    assert where.run.accepted == len(expected)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200), max_size=30), st.binary(max_size=100))
def test_a_large_line_is_its_pieces(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], metadata: bytes
) -> None:
    journal = Journal(tmp_path_factory.mktemp("j"), segment_bytes=4096)
    where, origin = Scope(Run("JB_1", 1)), journal.origin("stdout")
    size = sum(map(len, pieces))
    journal.line(where, 20, origin, b"before")
    journal.large_line(where, 20, origin, lambda: pieces, size, metadata)
    journal.line(where, 20, origin, b"after")
    journal.close()
    assert [line[0] for line in said(journal)] == [b"before", b"".join(pieces), b"after"]
    assert where.run.accepted == 3


def test_lines_of_one_write_are_masked_each(recorded: Callable[..., Recorded]) -> None:
    """A secret in some of very many, a private key over several, and what looks like a secret."""
    chance = random.Random(7)
    token, key = TOKENS["github-token"], TOKENS["private-key"].split("\n")
    lines = [f"row {n}" for n in range(30_000)]
    for at in sorted(chance.sample(range(30_000), 40), reverse=True):
        lines[at:at] = chance.choice([[f"a {token} b"], key, ["https://x.example/a"], ["ä\udc80"]])
    run = recorded(lambda ctx, payload: sys.stdout.write("\n".join(lines) + "\n") and None)
    one_by_one = recorded(lambda ctx, payload: [print(line) for line in lines] and None)
    marks = [text if "***[" not in text else "marked" for text in run.texts]
    assert marks == [text if "***[" not in text else "marked" for text in one_by_one.texts]
    assert not run.files_with(token)
    assert not run.files_with(key[1])


@pytest.mark.parametrize("cut", [1, 1000, 65536])
def test_a_large_line_in_pieces_is_masked(recorded: Callable[..., Recorded], cut: int) -> None:
    token = TOKENS["github-token"]
    size = 20_000 if cut == 1 else 3_000_000

    def job(ctx: object, payload: object) -> None:
        text = "z" * size + f" {token} " + "z" * size
        for at in range(0, len(text), cut):
            sys.stdout.write(text[at : at + cut])
        sys.stdout.write("\nafter\n")

    run = recorded(job)
    large, after = run.texts
    assert after == "after"
    assert large.startswith("z" * size + " ***[github-token:")
    assert large.endswith("] " + "z" * size)
    assert run.receipt.complete
    assert not [name for name in run.files_with(token) if Path(name).suffix != ".py"]
