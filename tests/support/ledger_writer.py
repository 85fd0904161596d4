"""
Writers of numbered lines, and a ledger in shared memory of what each of them has written.

The ledger is a file that everybody maps: what a killed process has put there stays. Run as a
program (``ledger_writer.py LEDGER WRITER...``) it writes to its own standard streams.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import sys
import time
from pathlib import Path

#: Each writer, and the descriptor that it writes to; a program is several of them in turn.
WRITERS = {"own1": 1, "own2": 2, "child1": 1, "child2": 2, "forked": 1, "early": 1}
_ALLOWED, _STOP, _WORKER = range(3)
_FIRST = 8
_FIELDS = 3  # lines, bytes, the most that the pipe holds
_F_GETPIPE_SZ = 1032
_PADDING = "".join(chr(97 + n % 26) for n in range(700))


def line_of(writer: str, number: int) -> str:
    """The line *number* of a writer."""
    return f"{writer} {number} {_PADDING[: number * 37 % 300 + 400 * (number % 50 == 0)]}"


class Ledger:
    """The ledger in the file *path*, which is made if need be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "a+b") as file:
            file.truncate(mmap.PAGESIZE)
            self._memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def _get(self, slot: int) -> int:
        number: int = struct.unpack_from("q", self._memory, slot * 8)[0]
        return number

    def _set(self, slot: int, number: int) -> None:
        struct.pack_into("q", self._memory, slot * 8, number)

    def _slot(self, writer: str) -> int:
        return _FIRST + _FIELDS * list(WRITERS).index(writer)

    def allow(self, more: int) -> int:
        """Let every writer write *more* lines; returns how many each may have then."""
        self._set(_ALLOWED, self._get(_ALLOWED) + more)
        return self._get(_ALLOWED)

    def stop(self) -> None:
        """Have the writers end."""
        self._set(_STOP, 1)

    @property
    def worker(self) -> int:
        """The process id of the job."""
        return self._get(_WORKER)

    @worker.setter
    def worker(self, pid: int) -> None:
        self._set(_WORKER, pid)

    def lines(self, writer: str) -> int:
        """How many lines have been written."""
        return self._get(self._slot(writer))

    def bytes(self, writer: str) -> int:
        """How many bytes these were."""
        return self._get(self._slot(writer) + 1)

    def capacity(self, writer: str) -> int:
        """How many bytes its pipe holds at most."""
        return self._get(self._slot(writer) + 2)

    def write_line(self, writer: str) -> None:
        """The next line, which counts once it is written."""
        fd, slot, number = WRITERS[writer], self._slot(writer), self.lines(writer)
        data = (line_of(writer, number) + "\n").encode()
        done = 0
        while done < len(data):
            done += os.write(fd, data[done:])
        self._set(slot, number + 1)
        self._set(slot + 1, self.bytes(writer) + len(data))
        self._set(slot + 2, fcntl.fcntl(fd, _F_GETPIPE_SZ))

    def write(self, *writers: str) -> None:
        """Write what is allowed, in turn, until somebody says stop."""
        while not self._get(_STOP):
            if self.lines(writers[-1]) < self._get(_ALLOWED):
                for writer in writers:
                    self.write_line(writer)
            else:
                time.sleep(0.001)


if __name__ == "__main__":
    try:
        Ledger(Path(sys.argv[1])).write(*sys.argv[2:])
    except BrokenPipeError:
        os._exit(1)
