"""What a data directory holds: its journals, and what its database knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from qntx.indexer.launch import IndexerProcess
from qntx.model.receipt import Receipt
from qntx.model.views import Line, LogFilter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.waiting import wait_until


class Stored:
    """What the store of a data directory holds."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.db: apsw.Connection = open_database(home / "qntx.db")
        self.logs = LogStore(self.db)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    @property
    def jobs(self) -> list[str]:
        """The ids of all jobs, in the order of their arrival."""
        return [row[0] for row in self.db.execute("SELECT id FROM async_ix_jobs ORDER BY rowid")]

    def job(self) -> str:
        """The id of the only job."""
        (job,) = self.jobs
        return job

    def lines(self, job_id: str | None = None) -> list[tuple[Line, bytes]]:
        """All lines of a job with their whole messages."""
        return list(self.logs.lines(job_id or self.job(), LogFilter()))

    def texts(self, job_id: str | None = None) -> list[str]:
        """The messages of all lines of a job."""
        return [whole.decode("utf-8", "surrogateescape") for _, whole in self.lines(job_id)]

    def receipt(self, job_id: str | None = None) -> Receipt:
        """The receipt of a job."""
        return self.logs.receipt(job_id or self.job())

    def status(self, job_id: str | None = None) -> tuple[str, str]:
        """Status of a job and of its newest attempt."""
        return self.db.execute(
            "SELECT j.status, a.status FROM async_ix_jobs j JOIN job_attempts a"
            " ON a.job_id = j.id AND a.attempt = j.attempt WHERE j.id = ?",
            (job_id or self.job(),),
        ).fetchall()[0]  # type: ignore[return-value]


@contextlib.contextmanager
def stored(home: Path) -> Iterator[Stored]:
    """The store of *home*, for a look."""
    found = Stored(home)
    try:
        yield found
    finally:
        found.close()


def segments(home: Path) -> list[Path]:
    """The journal segments that still wait."""
    return sorted((home / "journal").glob("*.seg"))


@contextlib.contextmanager
def indexing(home: Path) -> Iterator[IndexerProcess]:
    """An indexer at work, as that of a server."""
    indexer = IndexerProcess(home)
    try:
        yield indexer
    finally:
        indexer.stop()


def index_rest(home: Path) -> None:
    """Have an indexer store all that dead processes have left in the journals."""
    with indexing(home):
        wait_until(lambda: not segments(home), "all journals are stored")


def files_with(home: Path, needle: bytes) -> list[str]:
    """The files below *home* in which *needle* stands."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    ]


def tables(home: Path, *names: str) -> dict[str, list[Any]]:
    """The rows of tables."""
    with closing(open_database(home / "qntx.db")) as db:
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def value(home: Path, sql: str) -> Any:
    """The first value that a statement gives."""
    with closing(open_database(home / "qntx.db")) as db:
        return db.execute(sql).fetchall()[0][0]
