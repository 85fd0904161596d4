"""Who is writing to the database: the process behind a lock that does not go away."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from qntx.linux import command_of, is_stopped

#: Where SQLite locks the write-ahead log's index while somebody writes (WAL_WRITE_LOCK).
_WRITE_BYTE = "120"
_LOCKS = Path("/proc/locks")


class LockOwner(msgspec.Struct, frozen=True):
    """The process inside a write transaction; *stopped*: it does nothing until it is told to."""

    pid: int
    command: str
    stopped: bool

    @property
    def text(self) -> str:
        """The process as part of a sentence, with what to do if it is stopped."""
        named = f"process {self.pid} ({self.command})"
        if not self.stopped:
            return named
        return (
            f"{named}, which is stopped in the middle of it - kill -CONT {self.pid} lets it go "
            f"on, kill -KILL {self.pid} undoes what it had not finished"
        )


def lock_owner_of(database: Path) -> LockOwner | None:
    """
    The process that is in a write transaction on *database*; None: nobody, or it cannot be told.

    Read from the system's table of locks: the files themselves are never opened here, because
    closing them would drop the locks that SQLite has on them.
    """
    try:
        number = os.stat(f"{database}-shm").st_ino
        locks = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    for line in locks:
        # 1: POSIX  ADVISORY  WRITE 12345 fe:00:2147276 120 120
        fields = line.split()
        if fields[1:2] != ["POSIX"] or fields[3:4] != ["WRITE"] or len(fields) < 8:
            continue
        if fields[5].rpartition(":")[2] == str(number) and fields[6] == _WRITE_BYTE:
            pid = int(fields[4])
            return LockOwner(pid, command_of(pid), is_stopped(pid))
    return None
