"""The store of one data directory: a connection per thread, and the tables behind it."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

from qntx.errors import StoreUnavailable
from qntx.journal.wakeup import Wakeup
from qntx.storage.sqlite.connection import is_moved
from qntx.storage.sqlite.jobs import JobStore
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.queue import JobQueue

#: What a statement may raise when the database takes nothing right now.
UNAVAILABLE: tuple[type[Exception], ...] = (apsw.Error, StoreUnavailable)


class Store:
    """
    Opens the database at *path* on first use, once per thread, up to date.

    One that was replaced meanwhile is opened anew; one that was removed is StoreUnavailable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wakeup = Wakeup(path.parent, "jobs")
        self._local = threading.local()
        self._was_open = False

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection; raises StoreUnavailable."""
        found: apsw.Connection | None = getattr(self._local, "connection", None)
        if found is not None and not found.in_transaction and is_moved(found):
            self.close()
            found = None
        if found is None:
            found = open_database(self.path, make=not self._was_open)
            self._was_open = True
            self._local.connection = found
            self._local.jobs = JobStore(found)
            self._local.queue = JobQueue(found, self._wakeup.notify)
            self._local.logs = LogStore(found)
            if getattr(self._local, "may_lose", False):
                self.expect_losses()
        return found

    @property
    def jobs(self) -> JobStore:
        """The jobs."""
        _ = self.connection
        jobs: JobStore = self._local.jobs
        return jobs

    @property
    def queue(self) -> JobQueue:
        """The queue: moves of jobs."""
        _ = self.connection
        queue: JobQueue = self._local.queue
        return queue

    @property
    def logs(self) -> LogStore:
        """The log lines."""
        _ = self.connection
        logs: LogStore = self._local.logs
        return logs

    def notify(self) -> None:
        """Tell who hands out jobs that there may be one."""
        self._wakeup.notify()

    def expect_losses(self) -> None:
        """
        From here on what this thread writes may be lost when the machine (not a process) dies.

        For claims and leases: a claim that is lost is a job that waits again, as it must. It saves
        the wait for the disk between enqueueing a job and its start.
        """
        self._local.may_lose = True
        self.connection.execute("PRAGMA synchronous=NORMAL")

    def close(self) -> None:
        """Close this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None
