"""Which adapter stands behind which port; read by the composition root."""

from __future__ import annotations

from collections.abc import Callable

from qntx.config import Settings
from qntx_recruiting.ports import IngestionHistory, RecruitingStore
from qntx_recruiting.storage import open_ingestion_history, open_recruiting_store

#: Port → what makes its adapter from the settings; each adapter is made at most once a job.
PORTS: dict[type, Callable[[Settings], object]] = {
    RecruitingStore: open_recruiting_store,
    IngestionHistory: open_ingestion_history,
}
