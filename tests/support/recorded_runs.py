"""Runs recorded in one process: handler, journal, the indexer's rounds, and the store's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from qntx.config import CaptureSettings, Settings
from qntx.indexer.drain import Drain
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.model.receipt import Receipt
from qntx.model.views import Line, LogFilter
from qntx.recording.session import close_journals, journal_of
from qntx.runtime.execute import Outcome, execute
from qntx.runtime.registry import Handler
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.data_directory import files_with


class Recorded:
    """A run that is over, as the store knows it."""

    def __init__(self, home: Path, job_id: str, outcome: Outcome) -> None:
        self.home = home
        self.job_id = job_id
        self.outcome = outcome
        self.db: apsw.Connection = open_database(home / "qntx.db")
        self.logs = LogStore(self.db)

    @property
    def lines(self) -> list[tuple[Line, bytes]]:
        """All lines with their whole messages."""
        return list(self.logs.lines(self.job_id, LogFilter()))

    @property
    def messages(self) -> list[bytes]:
        """The whole messages of all lines, read one by one."""
        return [self.logs.message(self.job_id, 1, line.id) for line, _ in self.lines]

    @property
    def texts(self) -> list[str]:
        """The messages as text."""
        return [message.decode("utf-8", "surrogateescape") for message in self.messages]

    @property
    def receipt(self) -> Receipt:
        """The receipt of the run."""
        return self.logs.receipt(self.job_id)

    def said(self, text: str) -> Line:
        """The one line whose message is *text*."""
        found = [line for line, whole in self.lines if whole == text.encode()]
        assert len(found) == 1, f"{len(found)} lines say {text!r}: {self.texts}"
        return found[0]

    def files_with(self, needle: str | bytes) -> list[str]:
        """The files of the data directory in which *needle* stands."""
        return files_with(self.home, needle if isinstance(needle, bytes) else needle.encode())


def record(
    home: Path,
    handler: Callable[..., Any],
    *,
    payload: Any = None,
    ports: dict[type, Any] | None = None,
    **capture: Any,
) -> Recorded:
    """Execute *handler* (context, payload) and store what it said; *capture* are settings."""
    settings = Settings(home=home, capture=CaptureSettings(**{"descriptors": False, **capture}))
    job = Claimed(id=new_id("JB"), handler_name="test", source="test", payload=payload, attempt=1)
    row = {
        "id": job.id,
        "source": "test",
        "handler_name": "test",
        "payload": "null",
        "max_attempts": 1,
        "parent_job_id": None,
        "execution_id": None,
    }
    outcome = execute(
        Handler("test", handler),
        job,
        journal=journal_of(home, settings.capture),
        settings=settings,
        ports=ports or {},
        begin={"job": row, "worker": "test"},
    )
    close_journals()
    drain_all(home)
    return Recorded(home, job.id, outcome)


def drain_all(home: Path) -> None:
    """Have everything that the journals of *home* hold stored."""
    db = open_database(home / "qntx.db")
    drain = Drain(home / "journal", SqliteLogWriter(db))
    try:
        while drain.round(check_deaths=True):
            pass
    finally:
        drain.close()
        db.close()
