"""The database behind one interface: see `qntx.storage.interfaces`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qntx.config import Settings
    from qntx.storage.interfaces import Store


def open_store(settings: Settings) -> Store:
    """
    The store of the data directory of *settings*: the one place that chooses a backend.

    Nothing is opened yet: the first use does, and raises StoreUnavailable where it cannot.
    """
    from qntx.storage.sqlite.store import SqliteStore

    return SqliteStore(settings.database)
