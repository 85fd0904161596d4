"""Secrets that a process shares with the indexer, which masks them in what goes past Python."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.segment import private_folder

SUFFIX = ".secrets"
_MEMORY = Path("/dev/shm")  # noqa: S108 - memory shared by this machine's processes, mode 0700
#: So long a file is created again where others remove the folder that they find empty, seconds.
_CREATE_S = 5.0
#: The journal of a process may be a moment younger than what it has shared, seconds.
_YOUNG_S = 60.0


def secrets_folder(home: Path) -> Path:
    """Where the secrets of the data directory *home* are shared: in memory, never on a disk."""
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return _MEMORY / f"qntx-secrets-{os.getuid()}-{digest}"


def share_secrets(home: Path, producer: str, secrets: Iterable[str]) -> None:
    """
    Share values with the indexer of *home*, which masks them in the spools of *producer*.

    Raises OSError where memory has no room, or the folder is somebody else's.
    """
    fd = _open(home, f"{producer}{SUFFIX}")
    try:
        for secret in secrets:
            os.write(fd, msgspec.json.encode(secret) + b"\n")
    finally:
        os.close(fd)


def shared_secrets(folder: Path, producer: str) -> list[str]:
    """The secrets that the process of *producer* (and those that it goes on for) has shared."""
    path = folder / f"{producer}{SUFFIX}"
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    return [msgspec.json.decode(line, type=str) for line in lines]


def remove_leftovers_of(
    folder: Path, suffix: str, producers: Container[str], spools: Iterable[str]
) -> None:
    """
    Remove the files ``<producer><suffix>`` of processes that are gone.

    That is those that are none of *producers*, and of which none of *spools* is left to read.
    """
    needed = {name.partition(".")[0] for name in spools}
    before_s = time.time() - _YOUNG_S
    with suppress(OSError):
        for path in folder.glob("*" + suffix):
            is_needed = path.stem in producers or path.stem in needed
            if not is_needed and path.stat().st_mtime < before_s:
                path.unlink()


def remove_empty_folder(home: Path) -> None:
    """Remove the folder of the secrets of *home* if nothing is in it any more."""
    with suppress(OSError):  # others may have secrets in it; then it stays
        secrets_folder(home).rmdir()


def _open(home: Path, name: str) -> int:
    """Open a file in the folder of *home*, to append to it."""
    folder = secrets_folder(home)
    until = time.monotonic() + _CREATE_S
    while True:
        try:
            private_folder(folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            fd = os.open(folder / name, flags, 0o600)
            break
        except FileNotFoundError as error:
            reraise_from_signal(error)
            # Another process found the folder empty at this moment, and removed it.
            if time.monotonic() > until:
                raise
    if folder.stat().st_uid != os.getuid():  # there is a file in it now: it stays
        os.close(fd)
        raise PermissionError(f"{folder} belongs to somebody else")
    return fd
