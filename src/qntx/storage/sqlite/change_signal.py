"""Notices that another connection has changed the database, by the counter that SQLite keeps."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

from qntx.errors import StoreUnavailable
from qntx.storage.interfaces.changes import ChangeSignal
from qntx.storage.sqlite.connection import is_moved, unavailable
from qntx.storage.sqlite.migrate import open_database

#: The counter is looked at so often, seconds.
DATABASE_POLL_S = 0.007


class DatabaseVersion(ChangeSignal):
    """Polls ``PRAGMA data_version``; a database that was replaced is opened anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None
        self._seen: object = None

    def wait(self, stopping: threading.Event) -> bool:
        try:
            while not stopping.wait(DATABASE_POLL_S):
                if self._changed():
                    return True
        except apsw.Error as error:
            self.close()
            raise unavailable(self._path, error) from error
        except StoreUnavailable:
            self.close()
            raise
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._seen = None

    def _changed(self) -> bool:
        if self._connection is not None and is_moved(self._connection):
            self.close()
        if self._connection is None:
            self._connection = open_database(self._path, make=False)
        ((version,),) = self._connection.execute("PRAGMA data_version").fetchall()
        changed, self._seen = version != self._seen, version
        return changed
