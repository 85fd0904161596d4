"""The database behind one interface: see `qntx.storage.interfaces`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from qntx.config import Settings
    from qntx.storage.interfaces import Store


def open_store(where: Settings | Path) -> Store:
    """
    The store of the data directory of *where* (or at that path): the one place that chooses.

    Nothing is opened yet: the first use does, and raises StoreUnavailable where it cannot. A path
    is for processes that do without settings, which cost as much to import as all the rest.
    """
    from pathlib import Path

    from qntx.storage.sqlite.store import SqliteStore

    return SqliteStore(where / "qntx.db" if isinstance(where, Path) else where.database)
