"""What the scraper is asked for."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec


class ScrapeVacancies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    What to scrape: the listing at *url*, its next pages included, up to *max_pages*.

    *since* leaves out vacancies that the listing dates before it: a date, or ``last_run`` for the
    last completed run. A vacancy that was ingested is ingested again when the listing shows another
    title or date, or after *recheck_days*; one whose ingestion failed, after *retry_days*.
    """

    url: str
    actor: str = "cli"
    max_pages: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    max_vacancies: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2_000
    since: str | None = None
    recheck_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 30
    retry_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 1

    def __post_init__(self) -> None:
        """Refuse a *since* that is no date while somebody is there to correct it."""
        if self.since not in (None, "last_run"):
            date.fromisoformat(str(self.since)[:10])
