"""The store as a whole, and the parts of it that are too small for a page of their own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from qntx.storage.interfaces.changes import Changes, ChangeSignal
from qntx.storage.interfaces.coordination import Leadership, WakeUp
from qntx.storage.interfaces.exports import Exports
from qntx.storage.interfaces.jobs import Jobs, Queue
from qntx.storage.interfaces.local_file import LocalFile
from qntx.storage.interfaces.log_writer import LogWriter
from qntx.storage.interfaces.logs import Logs
from qntx.storage.interfaces.retention import Expiry
from qntx.storage.interfaces.schedules import Executions, Schedules
from qntx.storage.interfaces.search import Search
from qntx.storage.interfaces.search_index import SearchIndexWriter
from qntx.storage.interfaces.waits import JobWaits, ModelUsage, Supervisors


class LockOwner(Protocol):
    """The process inside a write transaction; *stopped*: it does nothing until it is told to."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped it."""

    @property
    def text(self) -> str:
        """The process as part of a sentence, with what to do if it is stopped."""


class KeyValue(Protocol):
    """Small facts that outlive a restart."""

    def get(self, name: str) -> str | None:
        """What is kept under *name*; None: nothing."""

    def set(self, name: str, value: str | None) -> None:
        """Keep *value* from now on; None: forget it."""


class Store(Protocol):  # budget: the parts by name, and what goes for all of them
    """The database of one data directory; made by `qntx.storage.open_store`."""

    @property
    def jobs(self) -> Jobs:
        """Jobs as they are shown."""

    @property
    def queue(self) -> Queue:
        """The queue: moves of jobs."""

    @property
    def logs(self) -> Logs:
        """Log lines."""

    @property
    def schedules(self) -> Schedules:
        """Schedules."""

    @property
    def executions(self) -> Executions:
        """What became of each firing of a schedule."""

    @property
    def waits(self) -> JobWaits:
        """Why jobs wait."""

    @property
    def model_usage(self) -> ModelUsage:
        """What was spent on metered services."""

    @property
    def supervisors(self) -> Supervisors:
        """Who is at work on it."""

    @property
    def facts(self) -> KeyValue:
        """Small facts that outlive a restart."""

    @property
    def search(self) -> Search:
        """Search over the lines of all runs."""

    @property
    def exports(self) -> Exports:
        """Whole logs and lists as streams."""

    @property
    def changes(self) -> Changes:
        """What changed, for who watches."""

    def expiry(self) -> AbstractContextManager[Expiry]:
        """What retention works with, until it is left."""

    def change_signal(self) -> ChangeSignal:
        """A new signal that something may have changed; to be closed."""

    # -- about the database ----------------------------------------------------------------------

    @property
    def location(self) -> str:
        """Where the database is, for people."""

    @property
    def engine(self) -> str:
        """The name of the database program."""

    def version(self) -> str:
        """The version of the database program."""

    def check(self) -> str:
        """``ok``, or the first fault that a quick check of the whole database finds."""

    def size_bytes(self) -> int:
        """Bytes that the database takes on its disk; also where it cannot be opened."""

    @property
    def local_file(self) -> LocalFile | None:
        """The database as a file on this machine; None: it is none."""

    # -- the whole -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the database where there is none, and bring it up to date."""

    def transaction(self) -> AbstractContextManager[None]:
        """One write transaction of this thread: stored at the end, undone on any exception."""

    def reading(self) -> AbstractContextManager[None]:
        """Everything that this thread reads inside is of one moment."""

    def stop_request_of(self, job_id: str) -> str | None:
        """
        What somebody asks the running job *job_id* for: ``cancel``, ``pause`` or nothing (None).

        Nothing is left open, so that a process that the job forks inherits nothing.
        """

    def lock_owner(self) -> LockOwner | None:
        """The process that keeps others from writing now; None: nobody, or it cannot be told."""

    def notify_jobs(self) -> None:
        """Tell who hands out jobs that there may be one."""

    def expect_losses(self) -> None:
        """What this thread writes from here on may be lost when the machine dies: claims may."""

    def log_writer(self) -> LogWriter:
        """
        What the indexer of a data directory stores through; opened now, to be closed by the caller.

        Raises StoreUnavailable, also where the store was removed since it was used last.
        """

    def search_index_writer(self) -> SearchIndexWriter:
        """What the search index is built through; opened when it is used."""

    def leadership(self, name: str) -> Leadership:
        """
        The role *name* among all that share the store.

        That of the ``indexer`` is for one data directory: journals are files of one machine.
        """

    def wakeup(self, name: str) -> WakeUp:
        """Hints for who does *name* (``jobs``, ``ticker``) for this store, on whatever machine."""

    def close(self) -> None:
        """Let go of what this thread holds open."""
