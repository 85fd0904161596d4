"""Secrets that an indexer cannot see are recognised by their hashes."""

from __future__ import annotations

from pathlib import Path

from qntx.journal.secret_hashes import SUFFIX, UnseenSecrets, remove_hashes, write_hashes

TOKEN, OTHER = "s3cret-töken-value", "another one with spaces"
SEVERAL = "first line of a secret\nsecond line of a secret\n"


def test_a_secret_is_found_wherever_it_stands(tmp_path: Path) -> None:
    write_hashes(tmp_path, "P", [TOKEN, OTHER])
    write_hashes(tmp_path, "P", [SEVERAL, "short"])
    unseen = UnseenSecrets(tmp_path, "P", [])
    assert unseen.found_in(b"nothing of it\n" * 20) == []
    assert unseen.found_in(f"x\n<{TOKEN}>={TOKEN}\n".encode()) == [TOKEN]
    assert unseen.found_in(f"{TOKEN} again, {OTHER}".encode()) == [OTHER]
    assert unseen
    lines = SEVERAL.splitlines()
    assert unseen.found_in(f"\t{lines[1]}\n{lines[0]}".encode()) in (lines, lines[::-1])
    assert not unseen
    assert not UnseenSecrets(tmp_path, "Q", [])


def test_what_is_known_already_is_not_looked_for(tmp_path: Path) -> None:
    write_hashes(tmp_path, "P", [TOKEN, SEVERAL])
    assert not UnseenSecrets(tmp_path, "P", [SEVERAL, "whatever else", TOKEN])
    assert UnseenSecrets(tmp_path, "P", [TOKEN])


def test_no_value_is_in_the_file_and_it_goes(tmp_path: Path) -> None:
    write_hashes(tmp_path, "P", [TOKEN])
    path = tmp_path / f"P{SUFFIX}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert TOKEN.encode() not in path.read_bytes()
    assert TOKEN.encode().hex().encode() not in path.read_bytes()
    remove_hashes(tmp_path, "P")
    remove_hashes(tmp_path, "P")
    assert list(tmp_path.iterdir()) == []
