"""The tables of a database, each with its statements, behind one connection."""

from __future__ import annotations

from functools import cached_property

import apsw

from qntx.journal.wakeup import Wakeup
from qntx.storage.sqlite.changes import ChangeStore
from qntx.storage.sqlite.executions import ExecutionStore
from qntx.storage.sqlite.jobs import JobStore
from qntx.storage.sqlite.key_value import KeyValueStore
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.model_usage import SqliteModelUsage
from qntx.storage.sqlite.queue import JobQueue
from qntx.storage.sqlite.schedules import ScheduleStore
from qntx.storage.sqlite.search import SearchStore
from qntx.storage.sqlite.wait_reasons import SqliteJobWaits


class Tables:
    """What stands behind *connection*; each part is made when it is used."""

    def __init__(self, connection: apsw.Connection, jobs_came: Wakeup) -> None:
        self.connection = connection
        self._jobs_came = jobs_came

    @cached_property
    def jobs(self) -> JobStore:
        return JobStore(self.connection)

    @cached_property
    def queue(self) -> JobQueue:
        return JobQueue(self.connection, self._jobs_came.notify)

    @cached_property
    def logs(self) -> LogStore:
        return LogStore(self.connection)

    @cached_property
    def schedules(self) -> ScheduleStore:
        return ScheduleStore(self.connection)

    @cached_property
    def executions(self) -> ExecutionStore:
        return ExecutionStore(self.connection)

    @cached_property
    def waits(self) -> SqliteJobWaits:
        return SqliteJobWaits(self.connection)

    @cached_property
    def model_usage(self) -> SqliteModelUsage:
        return SqliteModelUsage(self.connection)

    @cached_property
    def facts(self) -> KeyValueStore:
        return KeyValueStore(self.connection)

    @cached_property
    def search(self) -> SearchStore:
        return SearchStore(self.connection)

    @cached_property
    def changes(self) -> ChangeStore:
        return ChangeStore(self.connection)
