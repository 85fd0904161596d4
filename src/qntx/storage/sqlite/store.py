"""The store of one data directory on SQLite: a connection per thread, and the tables behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from qntx.journal.wakeup import Wakeup
from qntx.storage.file_lock import FileLock
from qntx.storage.interfaces import Store
from qntx.storage.sqlite.change_signal import DatabaseVersion
from qntx.storage.sqlite.connection import is_moved, transaction
from qntx.storage.sqlite.local_file import DatabaseFile
from qntx.storage.sqlite.lock_owner import LockOwner, lock_owner_of
from qntx.storage.sqlite.log_writer import SqliteLogWriter, open_log_writer
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.search_index_writer import SqliteSearchIndexWriter
from qntx.storage.sqlite.space import database_bytes
from qntx.storage.sqlite.stop_requests import stop_request_of
from qntx.storage.sqlite.supervisors import SupervisorFiles
from qntx.storage.sqlite.translation import translating

if TYPE_CHECKING:
    # Not imported: the indexer needs none of them, and would take twice as long to start.
    from qntx.application import Application
    from qntx.storage.sqlite.changes import ChangeStore
    from qntx.storage.sqlite.executions import ExecutionStore
    from qntx.storage.sqlite.exports import ExportStore
    from qntx.storage.sqlite.jobs import JobStore
    from qntx.storage.sqlite.key_value import KeyValueStore
    from qntx.storage.sqlite.logs import LogStore
    from qntx.storage.sqlite.model_usage import SqliteModelUsage
    from qntx.storage.sqlite.queue import JobQueue
    from qntx.storage.sqlite.retention import ExpiryStore
    from qntx.storage.sqlite.schedules import ScheduleStore
    from qntx.storage.sqlite.search import SearchStore
    from qntx.storage.sqlite.tables import Tables
    from qntx.storage.sqlite.wait_reasons import SqliteJobWaits


class SqliteStore(Store):  # budget: the tables by name, and what goes for all of them
    """
    Opens the database at *path* on first use, once per thread, up to date.

    It has the tables of *applications*, too; one that is added later, when it is opened next.

    One that was replaced meanwhile is opened anew; one that was removed is StoreUnavailable.
    """

    def __init__(self, path: Path, applications: Sequence[Application] = ()) -> None:
        self.path = path
        self._applications = applications
        self._wakeup = Wakeup(path.parent, "jobs")
        self._local = threading.local()
        self._was_open = False

    # -- the whole -----------------------------------------------------------------------------

    def prepare(self) -> None:
        _ = self._tables

    @contextmanager
    def transaction(self) -> Iterator[None]:
        connection = self.connection
        with translating(self.path), transaction(connection):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        connection = self.connection
        with translating(self.path), connection:
            yield

    def stop_request_of(self, job_id: str) -> str | None:
        with translating(self.path):
            return stop_request_of(self.path, job_id)

    def lock_owner(self) -> LockOwner | None:
        return lock_owner_of(self.path)

    def notify_jobs(self) -> None:
        self._wakeup.notify()

    def expect_losses(self) -> None:
        # It saves the wait for the disk between enqueueing a job and its start.
        self._local.may_lose = True
        connection = self.connection
        with translating(self.path):
            connection.execute("PRAGMA synchronous=NORMAL")

    def log_writer(self) -> SqliteLogWriter:
        writer = open_log_writer(self.path, make=not self._was_open)
        self._was_open = True
        return writer

    def search_index_writer(self) -> SqliteSearchIndexWriter:
        return SqliteSearchIndexWriter(self.path)

    def leadership(self, name: str) -> FileLock:
        return FileLock(self.path.with_name(f"{name}.lock"))

    def wakeup(self, name: str) -> Wakeup:
        return Wakeup(self.path.parent, name)

    def close(self) -> None:
        found: Tables | None = getattr(self._local, "tables", None)
        if found is not None:
            found.connection.close()
            self._local.tables = None

    # -- its parts -----------------------------------------------------------------------------

    @property
    def jobs(self) -> JobStore:
        return self._tables.jobs

    @property
    def queue(self) -> JobQueue:
        return self._tables.queue

    @property
    def logs(self) -> LogStore:
        return self._tables.logs

    @property
    def schedules(self) -> ScheduleStore:
        return self._tables.schedules

    @property
    def executions(self) -> ExecutionStore:
        return self._tables.executions

    @property
    def waits(self) -> SqliteJobWaits:
        return self._tables.waits

    @property
    def model_usage(self) -> SqliteModelUsage:
        return self._tables.model_usage

    @property
    def supervisors(self) -> SupervisorFiles:
        return SupervisorFiles(self.path.parent)

    @property
    def facts(self) -> KeyValueStore:
        return self._tables.facts

    @property
    def search(self) -> SearchStore:
        return self._tables.search

    @property
    def changes(self) -> ChangeStore:
        return self._tables.changes

    @property
    def exports(self) -> ExportStore:
        from qntx.storage.sqlite.exports import ExportStore

        return ExportStore(self.path)

    @contextmanager
    def expiry(self) -> Iterator[ExpiryStore]:
        from qntx.storage.sqlite.retention import ExpiryStore

        with closing(open_database(self.path, make=False)) as connection:
            yield ExpiryStore(connection)

    def change_signal(self) -> DatabaseVersion:
        return DatabaseVersion(self.path)

    # -- about the database ----------------------------------------------------------------------

    @property
    def location(self) -> str:
        return str(self.path)

    @property
    def engine(self) -> str:
        return "SQLite"

    def version(self) -> str:
        return apsw.sqlite_lib_version()

    def check(self) -> str:
        connection = self.connection
        with translating(self.path):
            ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
        return str(found)

    def size_bytes(self) -> int:
        return database_bytes(self.path)

    @property
    def local_file(self) -> DatabaseFile:
        return DatabaseFile(self.path, lambda: self.connection)

    # -- inside --------------------------------------------------------------------------------

    @property
    def connection(self) -> apsw.Connection:
        """This thread's connection; raises StoreUnavailable. For this backend only."""
        return self._tables.connection

    @property
    def _tables(self) -> Tables:
        found: Tables | None = getattr(self._local, "tables", None)
        if found is not None:
            connection = found.connection
            if connection.in_transaction or not is_moved(connection):
                return found
            self.close()
        make, brought = not self._was_open, self._applications
        opened = open_database(self.path, make=make, applications=brought)
        from qntx.storage.sqlite.tables import Tables

        tables = Tables(opened, self._wakeup)
        self._was_open = True
        self._local.tables = tables
        if getattr(self._local, "may_lose", False):
            self.expect_losses()
        return tables
