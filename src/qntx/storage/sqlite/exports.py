"""Exports from SQLite, each on a connection of its own: a slow reader keeps nobody's open."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from qntx.model.schedule import Execution
from qntx.model.views import LogFilter
from qntx.storage.interfaces.exports import Exports
from qntx.storage.sqlite.executions import ExecutionStore
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.ndjson import ndjson
from qntx.storage.sqlite.text_export import message, text
from qntx.storage.sqlite.translation import translating


class ExportStore(Exports):
    """Streams from the database at *path*."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def text(self, job_id: str, wanted: LogFilter) -> Generator[bytes, None, None]:
        with translating(self._path):
            yield from text(self._path, job_id, wanted)

    def ndjson(self, job_id: str, wanted: LogFilter) -> Generator[bytes, None, None]:
        with translating(self._path):
            yield from ndjson(self._path, job_id, wanted)

    def message(self, job_id: str, attempt: int, seq: int) -> Generator[bytes, None, None]:
        with translating(self._path):
            yield from message(self._path, job_id, attempt, seq)

    def executions(
        self, schedule_id: str, statuses: Sequence[str] = ()
    ) -> Generator[Execution, None, None]:
        with closing(open_database(self._path, make=False)) as connection:
            yield from ExecutionStore(connection).walk(schedule_id, statuses)
