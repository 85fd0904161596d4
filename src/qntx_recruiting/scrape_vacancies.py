"""The handler ``role.vacancies-scraper``: each vacancy of a listing becomes a job of its own."""

from __future__ import annotations

from qntx.runtime.context import JobContext
from qntx.runtime.registry import Registry
from qntx_recruiting.model.scraping import ScrapeVacancies

HANDLERS = Registry()
NAME = "role.vacancies-scraper"


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
