"""Small facts that outlive a restart."""

from __future__ import annotations

import apsw

from qntx.clock import iso, now_us
from qntx.storage.interfaces.store import KeyValue
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.translation import translated


@translated
class KeyValueStore(KeyValue):
    """Facts by name, in the table maintenance_state."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    def get(self, name: str) -> str | None:
        """What is kept under *name*; None: nothing."""
        sql = "SELECT value FROM maintenance_state WHERE name = ?"
        for (value,) in self._db.execute(sql, (name,)):
            return str(value)
        return None

    def set(self, name: str, value: str | None) -> None:
        """Keep *value* from now on; None: forget it."""
        with transaction(self._db):
            if value is None:
                self._db.execute("DELETE FROM maintenance_state WHERE name = ?", (name,))
            else:
                self._db.execute(
                    "INSERT OR REPLACE INTO maintenance_state VALUES(?, ?, ?)",
                    (name, value, iso(now_us())),
                )
