"""Streams as a relay leaves them: header, output, losses, an end, and the lock of who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from qntx.journal.relay_process import HEADER_BYTES, MAGIC, mark_ended
from qntx.journal.run_scope import Scope
from qntx.journal.writer import Journal


class WrittenStream:
    """A stream of a child of *journal*'s process, written by hand."""

    def __init__(self, journal: Journal, number: int = 1, stream: str = "stdout") -> None:
        folder = journal.folder / "spool"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.journal = journal
        self.stream = stream
        self.name = f"{journal.producer}.{os.getpid()}.{number}.{stream}.spool"
        self.path: Path = folder / self.name
        self._losses: list[tuple[int, int, int]] = []
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @property
    def size(self) -> int:
        """Bytes in the file, its header included."""
        return self.path.stat().st_size

    def begin(self) -> WrittenStream:
        """The relay takes it up."""
        os.pwrite(self._fd, MAGIC.ljust(HEADER_BYTES, b"\0"), 0)
        return self

    def announce(self, scope: Scope, **fields: Any) -> WrittenStream:
        """Its process says that it is there."""
        said = {
            "name": self.name,
            "stream": self.stream,
            "source": "subprocess",
            "program": "make",
            "shared": False,
            "keep": False,
            "redact": True,
        }
        self.journal.event(scope, "spool", {**said, **fields})
        return self

    def write(self, data: bytes) -> WrittenStream:
        """Output comes."""
        os.pwrite(self._fd, data, max(HEADER_BYTES, self.size))
        return self

    def lose(self, lines: int, size: int) -> WrittenStream:
        """There was no room for some output."""
        place = max(HEADER_BYTES, self.size)
        if self._losses and self._losses[-1][0] == place:
            _, before, bytes_before = self._losses.pop()
            lines, size = lines + before, size + bytes_before
        self._losses.append((place, lines, size))
        numbers = [len(self._losses), 0, *(number for loss in self._losses for number in loss)]
        os.pwrite(self._fd, b"".join(number.to_bytes(8, "little") for number in numbers), 16)
        return self

    def settle(self, scope: Scope, **fields: Any) -> WrittenStream:
        """Its process says how much of it there is."""
        self.journal.event(scope, "spooled", {"name": self.name, "size": self.size, **fields})
        return self

    def end(self) -> WrittenStream:
        """The relay has seen its end."""
        mark_ended(self._fd)
        self.let_go()
        return self

    def let_go(self) -> None:
        """Whoever held it is gone."""
        os.close(self._fd)
