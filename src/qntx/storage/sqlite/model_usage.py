"""What was spent on language models, for rate limits and budgets."""

from __future__ import annotations

import apsw

from qntx.clock import iso
from qntx.storage.interfaces.waits import ModelUsage
from qntx.storage.sqlite.translation import translated


@translated
class SqliteModelUsage(ModelUsage):
    """Read from the table ai_model_usage."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    def calls_since(self, start_us: int) -> int:
        return int(self._since("count(*)", start_us))

    def cost_since(self, start_us: int) -> float:
        return self._since("total(cost)", start_us)

    def _since(self, what: str, start_us: int) -> float:
        if not self._db.table_exists("main", "ai_model_usage"):
            return 0.0  # an application brings the table: without one nothing was spent
        sql = f"SELECT {what} FROM ai_model_usage WHERE success = 1 AND request_timestamp >= ?"
        ((value,),) = self._db.execute(sql, (iso(start_us),)).fetchall()
        return float(str(value))
