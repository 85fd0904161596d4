"""The database as a file, and writing it anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from qntx.storage.interfaces.local_file import LocalFile
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.space import compact, gives_back, space
from qntx.storage.sqlite.translation import translating


class DatabaseFile(LocalFile):
    """The file at *path*; *connection* gives the one of the thread that asks."""

    def __init__(self, path: Path, connection: Callable[[], apsw.Connection]) -> None:
        self._path = path
        self._connection = connection

    def needs_compacting(self) -> bool:
        connection = self._connection()
        with translating(self._path):
            return not gives_back(connection) and space(connection).mostly_free

    def compact(self) -> None:
        with closing(open_database(self._path)) as connection, translating(self._path):
            compact(connection)
