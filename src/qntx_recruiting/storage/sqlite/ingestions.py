"""What became of earlier ingestions: read from jobs and job descriptions on SQLite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import msgspec

from qntx.storage.sqlite.connection import unavailable
from qntx.storage.sqlite.migrate import open_database
from qntx_recruiting.application import APPLICATION
from qntx_recruiting.model.recruiting import PastIngestion

_JOB = "id, status, updated_at, ifnull(idempotency_key, '')"
# Both find their row by an index, however long the history is. ':' ends a key's beginning, and
# ';' is the character after it.
_BY_KEY = (
    f"SELECT {_JOB} FROM async_ix_jobs WHERE idempotency_key >= ?1 || ':'"
    " AND idempotency_key < ?1 || ';' AND handler_name = ?2 ORDER BY rowid DESC LIMIT 1"
)
_ACTIVE = (
    f"SELECT {_JOB} FROM async_ix_jobs WHERE handler_name = ? AND source = ?"
    " AND status IN ('queued', 'running', 'paused') LIMIT 1"
)
_STORED = (
    "SELECT source, max(updated_at) FROM job_descriptions"
    " WHERE source IN (SELECT value FROM json_each(?)) GROUP BY source"
)
_LAST = (
    "SELECT created_at FROM async_ix_jobs WHERE handler_name = ? AND status = 'completed'"
    " AND json_extract(payload, '$.url') = ? ORDER BY created_at DESC LIMIT 1"
)


class SqliteIngestions:
    """
    The history of ingestions in the database at *path*; the connection is opened at first use.

    Every method raises StoreUnavailable when the database cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def newest(self, handler: str, sources: Mapping[str, str]) -> dict[str, PastIngestion]:
        """
        The newest ingestion by *handler* of each of *sources*, as far as there is one.

        *sources* maps web addresses to the beginnings of the idempotency keys of their jobs. A job
        that is still active counts before one that is over, a job before what it left behind.
        """
        names = msgspec.json.encode(list(sources)).decode()
        found = {
            str(source): PastIngestion(job_id="", status="completed", changed_at=str(at))
            for source, at in self._rows(_STORED, names)
        }
        for source, key in sources.items():
            rows = self._rows(_ACTIVE, handler, source) or self._rows(_BY_KEY, key, handler)
            for job_id, status, at, own_key in rows:
                found[source] = PastIngestion(
                    job_id=job_id, status=status, changed_at=at, key=own_key
                )
        return found

    def last_completed(self, handler: str, url: str) -> str | None:
        """When the newest completed job of *handler* for *url* was queued (RFC 3339), or None."""
        for (at,) in self._rows(_LAST, handler, url):
            return str(at)
        return None

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = open_database(self._path, applications=[APPLICATION])
        try:
            return self._connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise unavailable(self._path, error) from error
