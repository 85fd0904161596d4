"""The files of spools: where they are, whether somebody still writes, and what is left of them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

from qntx.journal.format import SegmentName
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.relay_process import HEADER_BYTES

SUFFIX = ".spool"
#: A spool file this young may not be announced yet, seconds.
_YOUNG_S = 60.0


def spool_folder(home: Path) -> Path:
    """The folder of the spools of the data directory *home*, which may not exist yet."""
    return home / "journal" / "spool"


def remove_leftovers(home: Path, producers: Container[str], spools: Container[str]) -> None:
    """
    Remove spools that nobody announced, and never will: their makers died in between.

    That is what neither belongs to one of *producers* nor is one of *spools* (names), what
    nobody holds, and what holds no output.
    """
    for path, size in _unannounced(home, producers, spools):
        if size <= HEADER_BYTES:
            path.unlink(missing_ok=True)


def unannounced_output(home: Path, spools: Container[str]) -> list[Path]:
    """
    Spools with output that is in no log, and will be in none: nobody announced them.

    *spools*: the names of those that are still read.
    """
    segments = map(SegmentName.parse, _files(home / "journal"))
    producers = {segment.producer for segment in segments if segment is not None}
    found = _unannounced(home, producers, spools)
    return sorted(path for path, size in found if size > HEADER_BYTES)


def _unannounced(
    home: Path, producers: Container[str], spools: Container[str]
) -> Iterator[tuple[Path, int]]:
    """Spools that nobody knows of or holds, with their sizes."""
    before_s = time.time() - _YOUNG_S
    for path in _files(spool_folder(home)):
        producer = path.name.partition(".")[0]
        if path.suffix == SUFFIX and producer not in producers and path.name not in spools:
            with suppress(OSError):
                found = path.stat()
                if found.st_mtime < before_s and _is_free(path):
                    yield path, found.st_size


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _is_free(path: Path) -> bool:
    """Whether nobody writes to a spool any more."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return is_abandoned(fd)
    finally:
        os.close(fd)


def is_abandoned(fd: int) -> bool:
    """Whether nobody holds the spool open for writing any more (*fd* is a reader's own)."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as error:
        reraise_from_signal(error)
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True
