"""A segment: one preallocated, memory-mapped file that a process appends records to."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from qntx.errors import StoreUnavailable
from qntx.journal.format import (
    COMMITTED_WORD,
    CONTINUED,
    FIRST_RECORD,
    MAGIC,
    MAGIC_WORD,
    OPEN,
    PID_WORD,
    STATE_WORD,
    UNCOMMITTED_SUFFIX,
)
from qntx.journal.write_errors import reason_of, too_large, unwritable_reason


def private_folder(folder: Path) -> None:
    """Make *folder* and the one it is in, for this user only; what exists stays as it is."""
    # Without pathlib's "exist_ok" and os.makedirs, which take exceptions that a signal handler
    # throws for an answer.
    try:
        _make_folder(folder)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        private_folder(folder.parent)
        _make_folder(folder)  # not there for another reason: nothing can be made in /proc


def check_writable(home: Path) -> None:
    """
    Raise StoreUnavailable where this user can write nothing in the data directory *home* for good.

    A disk that is full may have room again.
    """
    folder = home / "journal"
    try:
        private_folder(folder)
        reason = unwritable_reason(folder)
    except OSError as error:
        reason = (
            reason_of(error) if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) else None
        )
    if reason is not None:
        raise StoreUnavailable(
            f"the data directory {home} cannot be written to ({reason}) - "
            "make it writable for this user, or set QNTX_HOME to another folder"
        )


def _make_folder(folder: Path) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise


class Segment:
    """
    A segment that this process writes.

    The file is allocated to its full size first, because a store into a sparse mapping dies of
    SIGBUS on a full disk. It stays locked for as long as the process lives: once the lock
    is free the indexer knows that no more will come.
    """

    __slots__ = ("_map", "head", "path", "size", "view")

    def __init__(self, path: Path, size: int, fill: Callable[[int], None] | None = None) -> None:
        """
        Create the file *path* with *size* bytes; raises OSError (ENOSPC on a full disk).

        *fill* writes everything that it will ever hold (it gets the descriptor): of such a
        segment only the header is mapped, so it takes no memory, however large it is.
        """
        if hindrance := too_large(size):
            raise hindrance
        self.path = path
        self.size = size
        # It gets its name when it is complete and locked: a reader never sees it half made.
        uncommitted = path.with_suffix(f".{os.getpid()}{UNCOMMITTED_SUFFIX}")
        uncommitted.unlink(missing_ok=True)  # an attempt of ours that was interrupted
        fd = os.open(uncommitted, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(fd, 0, size)
            if fill is not None:
                fill(fd)
            self._map = mmap.mmap(fd, size if fill is None else FIRST_RECORD)
        except (OSError, MemoryError):
            uncommitted.unlink(missing_ok=True)
            raise
        finally:
            # The mapping has a copy of the descriptor, and with it the lock: both end with it,
            # also where an exception thrown by a signal handler keeps anybody from ending it.
            os.close(fd)
        self.view = memoryview(self._map)
        # Words are stored one by one through this view: a store of an aligned 8-byte word is
        # atomic, struct.pack_into is not (it zeroes the bytes first).
        self.head = self.view[:FIRST_RECORD].cast("Q")
        self.head[COMMITTED_WORD] = FIRST_RECORD if fill is None else size
        self.head[PID_WORD] = os.getpid()
        self.head[STATE_WORD] = OPEN
        self.head[MAGIC_WORD] = MAGIC
        os.rename(uncommitted, path)

    def release(self) -> None:
        """Unmap and unlock; how the journal goes on is to be in ``head`` by then."""
        self.head.release()
        self.view.release()
        self._map.close()


def skip_unused(path: Path) -> None:
    """Mark a segment that was made, but never written to: the journal goes on after it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # it was read meanwhile
    try:
        os.pwrite(fd, struct.pack("Q", CONTINUED), STATE_WORD * 8)
    finally:
        os.close(fd)
