"""The database behind one interface: see `qntx.storage.interfaces`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qntx.application import Application
    from qntx.config import Settings
    from qntx.storage.interfaces import Store


def open_store(where: Settings | Path, applications: Sequence[Application] = ()) -> Store:
    """
    The store of the data directory of *where* (or at that path): the one place that chooses.

    With the tables of *applications*, which may become more. Nothing is opened yet: the first
    use does, and raises StoreUnavailable where it cannot. A path is for processes that do without
    settings, which cost as much to import as all the rest.
    """
    from pathlib import Path

    from qntx.storage.sqlite.store import SqliteStore

    database = where / "qntx.db" if isinstance(where, Path) else where.database
    return SqliteStore(database, applications)


def connect(settings: Settings, application: Application) -> Any:
    """
    A connection to the database of *settings*, for what *application* keeps in tables of its own.

    With the SQLite backend an `apsw.Connection` (never open the file with another SQLite in the
    same process: its locks would be lost). Raises StoreUnavailable.
    """
    from qntx.storage.sqlite.migrate import open_database

    return open_database(settings.database, applications=[application])
