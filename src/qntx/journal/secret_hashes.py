"""
Keyed hashes of the secrets that a process has shared, for an indexer that cannot see them.

Values are shared in memory (`qntx.journal.shared_secrets`); an indexer in another container has
other memory. From the hashes, which lie beside the process's spools, it learns that something is
to be masked, and recognises it where it turns up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from qntx.journal.segment import private_folder

SUFFIX = ".hashes"
#: Shorter values are not masked, and a line of a secret of several only from the second on.
_LEAST_BYTES, _LEAST_LINE_BYTES = 8, 16
_SIZE = 16
#: Of this process, by producer: without it the same secret would look the same everywhere.
_salts: dict[str, bytes] = {}


def write_hashes(folder: Path, producer: str, values: Iterable[str]) -> None:
    """
    Add the hashes of *values*, secrets of *producer*, to its file in the folder of spools.

    Raises OSError where there is no room.
    """
    salt = _salts.setdefault(producer, os.urandom(32))
    pieces = {piece for value in values for piece in _pieces(value)}
    hashes = [(len(piece), _digest(salt, piece).hex()) for piece in pieces]
    line = msgspec.json.encode({"salt": salt.hex(), "hashes": hashes}) + b"\n"
    private_folder(folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    fd = os.open(folder / (producer + SUFFIX), flags, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


def remove_hashes(folder: Path, producer: str) -> None:
    """The process of *producer* is gone, and all it has written is stored."""
    with suppress(OSError):
        (folder / (producer + SUFFIX)).unlink()


def _pieces(value: str) -> list[bytes]:
    data = value.encode("utf-8", "surrogateescape")
    if b"\n" not in data:
        return [data] if len(data) >= _LEAST_BYTES else []
    return [line for line in map(bytes.strip, data.splitlines()) if len(line) >= _LEAST_LINE_BYTES]


def _digest(salt: bytes, piece: bytes) -> bytes:
    return blake2b(piece, digest_size=_SIZE, key=salt).digest()


class UnseenSecrets:
    """Secrets of a process whose values nobody here knows, until one of them turns up."""

    def __init__(self, folder: Path, producer: str, known: Iterable[str]) -> None:
        """Those that *producer* has hashed and that are not among the *known* values."""
        self._hashes: dict[tuple[bytes, int], set[bytes]] = {}
        for salt, hashes in _read(folder / (producer + SUFFIX)):
            for size, digest in hashes:
                self._hashes.setdefault((salt, size), set()).add(digest)
        for value in known:
            for piece in _pieces(value):
                self._drop(piece)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def found_in(self, data: bytes) -> list[str]:
        """
        Those that turn up in *data*; they are known from here on, and not given again.

        Takes some µs for each byte: it is for the time until each has been seen once.
        """
        found = []
        for (salt, size), hashes in list(self._hashes.items()):
            begin = blake2b(digest_size=_SIZE, key=salt)
            for line in data.split(b"\n"):
                for at in range(len(line) - size + 1):
                    digest = begin.copy()
                    digest.update(line[at : at + size])
                    if digest.digest() in hashes:
                        found.append(line[at : at + size])
        for piece in found:
            self._drop(piece)
        return [piece.decode("utf-8", "surrogateescape") for piece in dict.fromkeys(found)]

    def _drop(self, piece: bytes) -> None:
        for (salt, size), hashes in list(self._hashes.items()):
            if size == len(piece):
                hashes.discard(_digest(salt, piece))
                if not hashes:
                    del self._hashes[salt, size]


def _read(path: Path) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
    try:
        lines: list[Any] = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    except OSError:
        return []
    return [
        (
            bytes.fromhex(line["salt"]),
            [(size, bytes.fromhex(digest)) for size, digest in line["hashes"]],
        )
        for line in lines
    ]
