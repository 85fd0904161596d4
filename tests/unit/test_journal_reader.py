"""The reading side of the journal: damage is noticed, never believed, and never the end."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from qntx.journal.format import COMMITTED_WORD, FIRST_RECORD, LINE, RECORD
from qntx.journal.reader import SegmentReader
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal


def written(folder: Path, bodies: list[bytes]) -> Path:
    journal = Journal(folder)
    scope, origin = Scope(Run("JB_1", 1)), journal.origin("emitter")
    for body in bodies:
        journal.line(scope, 20, origin, body)
    journal.close()
    (path,) = folder.glob("*.seg")
    return path


def read(path: Path) -> list[tuple[bytes, bool]]:
    reader = SegmentReader(path)
    try:
        return [
            (bytes(record.message), record.intact)
            for _, record in reader.records(FIRST_RECORD, reader.committed)
            if record.kind == LINE or not record.intact
        ]
    finally:
        reader.close()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    bodies = [os.urandom(n) for n in (0, 1, 31, 32, 33, 1000, 100_000)]
    assert read(written(tmp_path, bodies)) == [(body, True) for body in bodies]


def test_a_flipped_bit_is_noticed_and_its_neighbours_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path, [b"one" * 10, b"two" * 10, b"three" * 10])
    data = bytearray(path.read_bytes())
    data[data.index(b"two" * 10) + 4] ^= 1
    path.write_bytes(data)
    found = read(path)
    assert (b"one" * 10, True) in found
    assert (b"three" * 10, True) in found
    assert [intact for _, intact in found].count(False) == 1


def test_no_damage_makes_reading_raise_or_hang(tmp_path: Path, chance: random.Random) -> None:
    path = written(tmp_path, [chance.randbytes(chance.randrange(200)) for _ in range(200)])
    good = path.read_bytes()
    bodies = {body for body, _ in read(path)}
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(FIRST_RECORD, 20_000)] = chance.randrange(256)
        path.write_bytes(data)
        for body, intact in read(path):
            assert not intact or body in bodies, "damage was believed"


@pytest.mark.parametrize("length", [0, 1, 31, 1 << 31, (1 << 32) - 1])
def test_an_impossible_length_ends_the_segment_as_damaged(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, [b"one", b"two", b"three"])
    data = bytearray(path.read_bytes())
    at = data.index(b"two") - RECORD.size
    data[at : at + 4] = length.to_bytes(4, "little")
    path.write_bytes(data)
    found = read(path)
    assert found[0] == (b"one", True)
    assert not found[-1][1]


def test_an_end_beyond_the_file_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path, [b"one"])
    data = bytearray(path.read_bytes())
    data[COMMITTED_WORD * 8 : COMMITTED_WORD * 8 + 8] = (1 << 40).to_bytes(8, "little")
    path.write_bytes(data)
    assert read(path)[0] == (b"one", True)


def test_a_file_without_a_header_is_unusable(tmp_path: Path) -> None:
    path = tmp_path / "p.00000000.seg"
    path.write_bytes(bytes(4096))
    reader = SegmentReader(path)
    assert not reader.usable
    reader.close()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.00000000.seg"
    path.touch()
    with pytest.raises(ValueError, match="empty"):
        SegmentReader(path)


def test_a_large_record_may_outlive_its_reader(tmp_path: Path) -> None:
    """An exception keeps frames alive, and with them what they looked at."""
    path = written(tmp_path, [b"x" * (5 << 20)])
    reader = SegmentReader(path)
    kept = [record for _, record in reader.records(FIRST_RECORD, reader.committed)]
    reader.close()
    assert bytes(kept[-1].message) == b"x" * (5 << 20)


def test_a_living_writer_is_not_dead_and_a_gone_one_is(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.line(Scope(Run("JB_1", 1)), 20, journal.origin("emitter"), b"x")
    (path,) = tmp_path.glob("*.seg")
    reader = SegmentReader(path)
    assert not reader.writer_is_dead()
    journal.close()
    assert reader.writer_is_dead()
    reader.close()
