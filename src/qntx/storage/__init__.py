"""The database behind one interface: see `qntx.storage.interfaces`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qntx.application import Application
    from qntx.config import Settings
    from qntx.storage.interfaces import Store


def open_store(settings: Settings, applications: Sequence[Application] = ()) -> Store:
    """
    The store of the data directory of *settings*: the one place that chooses a backend.

    With the tables of *applications*, which may become more. Nothing is opened yet: the first
    use does, and raises StoreUnavailable where it cannot.
    """
    from qntx.storage.sqlite.store import SqliteStore

    return SqliteStore(settings.database, applications)
