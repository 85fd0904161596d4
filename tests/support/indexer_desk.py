"""Journals and the indexer's rounds, side by side in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from qntx.indexer.drain import Drain
from qntx.journal.run_scope import Scope
from qntx.journal.writer import Journal
from qntx.model.receipt import Receipt
from qntx.model.views import LogFilter
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database


class Desk:
    """A data directory, its store, and an indexer that is asked for each round."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "journal"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.db = open_database(home / "qntx.db", busy_timeout_ms=20)
        self.drain = Drain(self.folder, SqliteLogWriter(self.db))
        self.journals: list[Journal] = []

    def journal(self, **options: Any) -> Journal:
        made = Journal(self.folder, **options)
        self.journals.append(made)
        return made

    def rounds(self) -> None:
        while self.drain.round(check_deaths=True):
            pass

    def restart(self, db: apsw.Connection | None = None) -> None:
        """As after a kill: nothing is known but what is in the store (*db*: opened already)."""
        self.drain.close()
        if db is None:
            self.db.close()
        self.db = db or open_database(self.home / "qntx.db", busy_timeout_ms=20)
        self.drain = Drain(self.folder, SqliteLogWriter(self.db))

    def begin(self, scope: Scope, journal: Journal, worker: str = "test") -> None:
        row = {
            "id": scope.run.job_id,
            "source": "t",
            "handler_name": "t",
            "payload": "null",
            "max_attempts": 1,
            "parent_job_id": None,
            "execution_id": None,
        }
        journal.event(scope, "begin", {"pid": 1, "worker": worker, "job": row})

    def texts(self, job: str = "JB_1") -> list[bytes]:
        return [whole for _, whole in LogStore(self.db).lines(job, LogFilter())]

    def receipt(self, job: str = "JB_1") -> Receipt:
        return LogStore(self.db).receipt(job)

    def value(self, sql: str) -> Any:
        return self.db.execute(sql).fetchall()[0][0]

    def close(self) -> None:
        for journal in self.journals:
            journal.close()
        self.drain.close()
        self.db.close()


def end(scope: Scope, journal: Journal) -> None:
    journal.event(scope, "end", {"status": "completed", "accepted": scope.run.accepted})
