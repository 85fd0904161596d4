"""
Spools: files that stand behind file descriptors 1 and 2, for output that goes past Python.

What a C library, a subprocess or a crashing interpreter writes lands in an append-only file, so
that it outlives whoever wrote it; the indexer turns it into lines. The files live in memory
(/dev/shm) where there is room, because what is in them has not been searched for secrets yet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

import msgspec

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.segment import private_folder

SUFFIX = ".spool"
SECRETS_SUFFIX = ".secrets"
#: In a folder in memory: whose it is, so that it can go when that data directory is gone.
_HOME_FILE = "home"
#: A file this young may not be locked or recorded yet, seconds.
_YOUNG_S = 60.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - memory shared by this machine's processes, mode 0700
_MEMORY_NEEDED = 256 << 20
_CREATE_TRIES = 100
_SUFFIXES = (SUFFIX, SECRETS_SUFFIX)
_numbers = count(1)


def spool_folder(home: Path, *, make: bool = True) -> Path:
    """The folder of the spools of the data directory *home*; *make* it if it is missing."""
    folder = home / "journal" / "spool"
    if _memory_has_room():
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        folder = _MEMORY / f"qntx-{os.getuid()}-{digest}"
    if make:
        private_folder(home / "journal")  # first: without it the folder counts as left behind
        private_folder(folder)
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError as error:
        reraise_from_signal(error)
        if make:
            raise
        return folder
    if owner != os.getuid():
        # Somebody else made it first: nothing of ours goes there.
        folder = home / "journal" / "spool"
        if make:
            private_folder(folder)
    elif make and is_in_memory(folder) and not (folder / _HOME_FILE).exists():
        (folder / _HOME_FILE).write_bytes(os.fsencode(home))
    return folder


def remove_empty_folder(home: Path) -> None:
    """Remove the folder of the spools of *home* if nothing is in it any more."""
    folder = spool_folder(home, make=False)
    with suppress(OSError):  # others may have spools in it; then it stays
        if os.listdir(folder) == [_HOME_FILE]:
            (folder / _HOME_FILE).unlink()
        folder.rmdir()


def remove_leftovers(home: Path, producers: Container[str], spools: Container[str]) -> None:
    """
    Remove what killed processes have left in the folder of *home*.

    That is what neither belongs to one of *producers* nor is one of *spools* (paths) that are
    still to be read, and that nobody writes to.
    """
    folder = spool_folder(home, make=False)
    before_s = time.time() - _YOUNG_S
    for path in _files(folder):
        producer = path.name.partition(".")[0]
        if producer not in producers and str(path) not in spools and path.suffix in _SUFFIXES:
            with suppress(OSError):
                if path.stat().st_mtime < before_s and _is_free(path):
                    path.unlink()


def remove_orphaned_folders() -> None:
    """Remove the folders in memory whose data directories are gone, as far as nobody uses them."""
    for folder in _MEMORY.glob(f"qntx-{os.getuid()}-*"):
        with suppress(OSError):
            home = Path(os.fsdecode((folder / _HOME_FILE).read_bytes()))
            if (home / "journal").exists() or folder.stat().st_uid != os.getuid():
                continue
            files = _files(folder)
            if all(path.suffix in _SUFFIXES or path.name == _HOME_FILE for path in files) and all(
                _is_free(path) for path in files
            ):
                for path in files:
                    path.unlink()
                folder.rmdir()


def _create(home: Path, name: str, flags: int) -> tuple[Path, int]:
    """Open a file in the folder of *home*, to append to it; returns its path and descriptor."""
    tries = _CREATE_TRIES
    while True:
        try:
            path = spool_folder(home) / name
            return path, os.open(path, flags | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as error:
            reraise_from_signal(error)
            # Another process found the folder empty at this moment, and removed it.
            tries -= 1
            if not tries:
                raise


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_free(path: Path) -> bool:
    """Whether nobody writes to a spool any more; secrets are written to by nobody."""
    if path.suffix != SUFFIX:
        return True
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return is_abandoned(fd)
    finally:
        os.close(fd)


def _memory_has_room() -> bool:
    try:
        return os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED
    except OSError:
        return False


class Spool:
    """
    A file to put behind a file descriptor of this process or of a child.

    The lock on it belongs to the open file, which all who inherit the descriptor share: it is
    free when the last of them is gone, and that is how the indexer knows.
    """

    __slots__ = ("fd", "path", "reported")

    def __init__(self, home: Path, producer: str, stream: str) -> None:
        """Create an empty spool of the data directory *home*; raises OSError without room."""
        name = f"{producer}.{os.getpid()}.{next(_numbers)}.{stream}{SUFFIX}"
        self.path, self.fd = _create(home, name, os.O_RDWR | os.O_EXCL)
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        #: How many bytes of it the journal has reported to the indexer.
        self.reported = 0

    @property
    def size(self) -> int:
        """Bytes written so far, by whomever; 0 once it is stored whole, and gone."""
        try:
            if self.fd < 0:
                return os.stat(self.path).st_size
            # All writers append, so the place in the file is nobody's; this is four times as fast
            # as fstat.
            return os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            reraise_from_signal(error)
            return 0

    def close(self) -> None:
        """Close this process's own descriptor; those who inherited it go on."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def share_secrets(home: Path, producer: str, secrets: Iterable[str]) -> None:
    """Share values with the indexer of *home*, which masks them in the spools of *producer*."""
    _, fd = _create(home, f"{producer}{SECRETS_SUFFIX}", os.O_WRONLY)
    try:
        for secret in secrets:
            os.write(fd, msgspec.json.encode(secret) + b"\n")
    finally:
        os.close(fd)


def shared_secrets(folder: Path, producer: str) -> list[str]:
    """The secrets that the process of *producer* (and those that it goes on for) has shared."""
    try:
        lines = (folder / f"{producer}{SECRETS_SUFFIX}").read_bytes().splitlines()
    except OSError:
        return []
    return [msgspec.json.decode(line, type=str) for line in lines]


def is_in_memory(folder: Path) -> bool:
    """Whether *folder* is in memory, so that nothing in it ever reaches a disk."""
    return folder.is_relative_to(_MEMORY)


def is_abandoned(fd: int) -> bool:
    """Whether nobody holds the spool open for writing any more (*fd* is a reader's own)."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        reraise_from_signal(error)
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True
