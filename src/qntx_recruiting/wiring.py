"""Which adapter stands behind which port; read by the composition root."""

from __future__ import annotations

from collections.abc import Callable

from qntx.config import Settings
from qntx_recruiting.ports import IngestionHistory, RecruitingStore
from qntx_recruiting.storage.sqlite.ingestions import SqliteIngestions
from qntx_recruiting.storage.sqlite.recruiting import SqliteRecruiting


def _recruiting_store(settings: Settings) -> RecruitingStore:
    return SqliteRecruiting(settings.database)


def _ingestion_history(settings: Settings) -> IngestionHistory:
    return SqliteIngestions(settings.database)


#: Port → what makes its adapter from the settings; each adapter is made at most once a job.
PORTS: dict[type, Callable[[Settings], object]] = {
    RecruitingStore: _recruiting_store,
    IngestionHistory: _ingestion_history,
}
