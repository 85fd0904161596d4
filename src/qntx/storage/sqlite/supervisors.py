"""Who is at work on a data directory: each supervisor holds the lock of a file named after it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qntx.storage.interfaces.waits import Registration, Supervisors


class LockedFile(Registration):
    """A lock that is held for as long as any process that inherits its descriptor lives."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
        self._path = folder / self.name
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def announce(self, handlers: Sequence[str]) -> None:
        text = msgspec.json.encode(sorted(handlers))
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self.descriptor)


class SupervisorFiles(Supervisors):
    """The supervisors of the data directory *home*; all are on this machine."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "supervisors"

    def register(self) -> Registration:
        return LockedFile(self._folder)

    def is_gone(self, name: str) -> bool:
        path = self._folder / name
        try:
            with open(path, "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                return True
        except BlockingIOError:
            return False
        except OSError:
            return name.startswith(f"{socket.gethostname()}-")

    def live_handlers(self) -> set[str] | None:
        found: set[str] | None = None
        for path in self._folder.glob("*"):
            with contextlib.suppress(OSError, msgspec.DecodeError), open(path, "rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:  # it is alive
                    found = (found or set()) | set(msgspec.json.decode(lock.read() or b"[]"))
        return found
