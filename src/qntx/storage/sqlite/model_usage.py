"""What was spent on language models, for rate limits and budgets."""

from __future__ import annotations

import apsw

from qntx.clock import iso
from qntx.storage.interfaces.waits import ModelUsage
from qntx.storage.sqlite.translation import translated

_SINCE = " FROM ai_model_usage WHERE success = 1 AND request_timestamp >= ?"


@translated
class SqliteModelUsage(ModelUsage):
    """Read from the table ai_model_usage."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    def calls_since(self, start_us: int) -> int:
        ((calls,),) = self._db.execute("SELECT count(*)" + _SINCE, (iso(start_us),)).fetchall()
        return int(str(calls))

    def cost_since(self, start_us: int) -> float:
        ((cost,),) = self._db.execute("SELECT total(cost)" + _SINCE, (iso(start_us),)).fetchall()
        return float(str(cost))
