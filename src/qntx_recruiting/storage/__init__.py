"""Where recruiting keeps what it knows: the one place that chooses a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qntx.config import Settings
    from qntx_recruiting.ports import IngestionHistory, RecruitingStore


def open_recruiting_store(settings: Settings) -> RecruitingStore:
    """The recruiting store of a data directory, to be closed; its first use opens the database."""
    from qntx_recruiting.storage.sqlite.recruiting import SqliteRecruiting

    return SqliteRecruiting(settings.database)


def open_ingestion_history(settings: Settings) -> IngestionHistory:
    """What was ingested into a data directory, to be closed; its first use opens the database."""
    from qntx_recruiting.storage.sqlite.ingestions import SqliteIngestions

    return SqliteIngestions(settings.database)
