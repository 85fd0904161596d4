"""Whose a running attempt is: leases that are renewed, and those that nobody renews any more."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from qntx.journal.writer import Journal
from qntx.model.job import Claimed
from qntx.runtime.rescue import judge
from qntx.storage.sqlite.store import Store

RENEW_S = 5.0
RESCUE_S = 5.0
LEASE_S = 30.0


class Leases:
    """The leases of one supervisor, and its eye on those of the others."""

    def __init__(self, home: Path, lease_s: float, journal: Journal) -> None:
        self.lease_s = lease_s
        self.name, self.lock = _identity(home)
        self._home = home
        self._journal = journal
        self._renew_at = self._rescue_at = 0.0
        #: Leases of others as they were seen last, and since when.
        self._seen: dict[tuple[str, int], tuple[str | None, float]] = {}
        #: Attempts of ours that have ended in the store while a worker still holds them.
        self._ended: set[tuple[str, int]] = set()

    def renew(self, store: Store, held: Sequence[Claimed]) -> list[str] | None:
        """
        Prolong the leases of the jobs *held*, when it is time (None: it is not).

        Returns the jobs that others have taken over, because we were stopped for longer than a
        lease: those that are over in the store twice in a row - the first time, word of their end
        may be on its way.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return None
        self._renew_at = now + min(RENEW_S, self.lease_s / 4)
        ended: set[tuple[str, int]] = set()
        if held:
            ended = store.queue.renew([(job.id, job.attempt) for job in held], self.lease_s)
        lost = [job_id for job_id, _ in ended & self._ended]
        self._ended = ended
        return lost

    def rescue(self, store: Store, ours: set[str]) -> None:
        """
        Attempts of supervisors that are gone, or do not renew, go back to the queue.

        A lease has run out when nobody renewed it for as long as it lasts, by our own monotonic
        clock: a system clock that jumps ends no lease, and makes none eternal.
        """
        now = time.monotonic()
        if now < self._rescue_at:
            return
        self._rescue_at = now + min(RESCUE_S, self.lease_s / 4)
        seen, self._seen = self._seen, {}
        for job, owner, until in store.queue.running():
            if job.id in ours:
                continue
            key = (job.id, job.attempt)
            last, since = seen.get(key, (until, now))
            self._seen[key] = (until, since if last == until else now)
            if owner != self.name and _is_gone(self._home, owner):
                judge(job, "server_restarted", self._journal)
            elif last == until and now - since > self.lease_s:
                judge(job, "lease_expired", self._journal)

    def announce(self, handlers: Sequence[str]) -> None:
        """Tell the other processes of this directory which handlers our workers have."""
        text = msgspec.json.encode(sorted(handlers))
        os.pwrite(self.lock, text, 0)
        os.ftruncate(self.lock, len(text))

    def live_handlers(self) -> set[str]:
        """The handlers that any worker of this directory has."""
        return live_handlers(self._home) or set()

    def close(self) -> None:
        """This supervisor is at its end, and so are its workers."""
        with contextlib.suppress(OSError):
            (self._home / "supervisors" / self.name).unlink()
        os.close(self.lock)


def live_handlers(home: Path) -> set[str] | None:
    """The handlers that workers of the data directory *home* have; None: no worker is at work."""
    found: set[str] | None = None
    for path in (home / "supervisors").glob("*"):
        with contextlib.suppress(OSError, msgspec.DecodeError), open(path, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # it is alive
                found = (found or set()) | set(msgspec.json.decode(lock.read() or b"[]"))
    return found


def _identity(home: Path) -> tuple[str, int]:
    """A name for this supervisor, and the lock that is held for as long as any part of it lives."""
    folder = home / "supervisors"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
    lock = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return name, lock


def _is_gone(home: Path, owner: str) -> bool:
    """Whether a supervisor of this machine, and every worker of it, has ended."""
    path = home / "supervisors" / owner
    try:
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return True
    except BlockingIOError:
        return False
    except OSError:
        return owner.startswith(f"{socket.gethostname()}-")
