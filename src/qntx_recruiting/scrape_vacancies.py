"""The handler ``role.vacancies-scraper``: each vacancy of a listing becomes a job of its own."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from qntx.runtime.context import JobContext
from qntx.runtime.registry import Registry

HANDLERS = Registry()
NAME = "role.vacancies-scraper"


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


@HANDLERS.handler(NAME, aliases=("vacancies",))
def scrape_vacancies(ctx: JobContext, payload: ScrapeVacancies) -> dict[str, object]:
    """
    Enqueue a ``role.jd-ingestion`` for each vacancy of a listing; returns the counts.

    Every vacancy is enqueued, skipped or disallowed. Two runs at the same time may both count one
    as enqueued that is ingested once. Raises FetchError for a page of the listing that cannot be
    read; what was found before is on its way then, and a retry goes on at that page.
    """
    # 0.2 s of start-up that only a scraper needs
    from qntx_recruiting.vacancy_walk import VacancyWalk

    return VacancyWalk(ctx, payload, NAME).run()
