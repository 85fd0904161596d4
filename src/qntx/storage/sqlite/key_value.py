"""Small facts that outlive a restart."""

from __future__ import annotations

from qntx.clock import iso, now_us
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.store import Store


class KeyValueStore:
    """Facts by name, in the table maintenance_state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, name: str) -> str | None:
        """What is remembered under *name*."""
        sql = "SELECT value FROM maintenance_state WHERE name = ?"
        for (value,) in self._store.connection.execute(sql, (name,)):
            return str(value)
        return None

    def set(self, name: str, value: str | None) -> None:
        """Remember *value* from now on; None: forget it."""
        with transaction(self._store.connection) as connection:
            if value is None:
                connection.execute("DELETE FROM maintenance_state WHERE name = ?", (name,))
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO maintenance_state VALUES(?, ?, ?)",
                    (name, value, iso(now_us())),
                )
