"""
Walk the pages of a listing, and put an ingestion of each vacancy on the queue.

One job walks all pages of a listing, instead of one job a page. So one log tells the whole story;
"no duplicates" is one set and "at most 50 pages" one counter; and the checkpoint after each page
(what is left to visit, what was seen) resumes at the page that was interrupted. The pages of one
host must be asked for one after the other anyway, so jobs of their own would gain nothing. What can
go on side by side are the vacancies: they are children that no longer need their parent.
"""

from __future__ import annotations

import msgspec

from qntx.clock import from_iso, now_us
from qntx.errors import FetchError
from qntx.net.urls import parse
from qntx.runtime.context import JobContext
from qntx_recruiting.canonical import canonical
from qntx_recruiting.listing import Listing, Vacancy, read_listing
from qntx_recruiting.model.recruiting import PastIngestion
from qntx_recruiting.model.scraping import ScrapeVacancies
from qntx_recruiting.politeness import pace_of, polite_fetch
from qntx_recruiting.ports import IngestionHistory
from qntx_recruiting.robots import Robots
from qntx_recruiting.settings import fetch_settings

_CHILD = "role.jd-ingestion"
_ACTIVE = frozenset({"queued", "running", "paused"})
_DAY_US = 86_400_000_000


class _State(msgspec.Struct):
    """Where the walk is; it is kept after each page."""

    todo: list[str]
    visited: list[str] = []
    seen: list[str] = []
    pages: int = 0
    found: int = 0
    enqueued: int = 0
    skipped: int = 0
    disallowed: int = 0
    #: When the first child was enqueued (UTC microseconds); the others are spread from there.
    first_child_us: int = 0


class VacancyWalk:
    """One run of the scraper, called *name*, for *payload*."""

    def __init__(self, ctx: JobContext, payload: ScrapeVacancies, name: str) -> None:
        self._ctx = ctx
        self._emit = ctx.emit
        self._payload = payload
        self._history = ctx.get(IngestionHistory)  # type: ignore[type-abstract] # as all ports
        self._robots = Robots(ctx)
        self._since = self._starting_date(name)
        start = canonical(parse(payload.url), "")
        self._state = msgspec.convert(ctx.state, _State) if ctx.state else _State([str(start)])

    def run(self) -> dict[str, object]:
        """Walk to the end, or to the bounds of the payload; returns the counts."""
        state = self._state
        if self._ctx.state:
            self._emit.info("Going on from the last checkpoint", attempt=self._ctx.attempt)
        while state.todo and state.pages < self._payload.max_pages:
            listing = self._fetch(state.todo[0])
            fresh = self._find(listing)
            self._enqueue(fresh)
            self._advance(listing, fresh)
            self._ctx.checkpoint(msgspec.to_builtins(state))
            self._ctx.check()
        return self._summary()

    # --- fetch_listing

    def _fetch(self, address: str) -> Listing:
        number = self._state.pages + 1
        with self._emit.stage("fetch_listing", f"Fetching page {number} from {address}"):
            self._refuse_disallowed(address)
            page = polite_fetch(self._ctx, address)
            for hop in page.redirects:
                self._emit.info(f"Followed a redirect at {hop}", url=hop)
            if page.redirects:
                self._refuse_disallowed(page.url)
            self._emit.info(
                f"Fetched {len(page.body):,} bytes ({page.content_type or 'no type'}) "
                f"in {page.duration_ms:,} ms",
                url=page.url,
                bytes=len(page.body),
                content_type=page.content_type,
                duration_ms=page.duration_ms,
            )
            listing = read_listing(page.url, page.body, page.content_type)
            for note in listing.notes:
                self._emit.warn(f"The page is {note}")
        return listing

    def _refuse_disallowed(self, address: str) -> None:
        refusal = self._robots.refusal(parse(address))
        if refusal is not None:
            raise FetchError(f"refused to read {address}: {refusal} - ask its owner for leave")

    # --- find_vacancies

    def _find(self, listing: Listing) -> list[Vacancy]:
        """The vacancies of a page that no page before it had."""
        state = self._state
        known = set(state.seen)
        with self._emit.stage("find_vacancies", f"Looking for vacancies on page {state.pages + 1}"):
            fresh = [vacancy for vacancy in listing.vacancies if vacancy.id not in known]
            structured = sum(vacancy.structured for vacancy in listing.vacancies)
            total = len(listing.vacancies)
            self._emit.info(
                f"Found {total} vacancies: {structured} in structured data, "
                f"{total - structured} by their links",
                found=total,
                structured=structured,
            )
            if total > len(fresh):
                repeated = [v.url for v in listing.vacancies if v.id in known]
                self._emit.debug(f"{len(repeated)} were on a page before", urls=repeated)
            if listing.elsewhere:
                self._emit.info(
                    f"{len(listing.elsewhere)} vacancies are on other hosts, which is not followed "
                    "- give their listing",
                    urls=listing.elsewhere,
                )
            if not total:
                self._emit.warn(
                    "No vacancy was found - check that the page is a listing, and that it shows "
                    "its vacancies without scripts"
                )
            room = self._payload.max_vacancies - state.found
            if len(fresh) > room:
                self._emit.warn(f"{len(fresh) - room} are left out: max_vacancies is reached")
        return fresh[:room]

    def _advance(self, listing: Listing, fresh: list[Vacancy]) -> None:
        """Note that a page is done, and decide where to go from it."""
        state = self._state
        state.visited.append(state.todo.pop(0))
        state.pages += 1
        state.seen += [vacancy.id for vacancy in fresh]
        if not fresh:
            # Some sites answer to any page number, and link to the one after it.
            self._emit.debug("The pages after one without a new vacancy are not visited")
        elif state.found >= self._payload.max_vacancies:
            state.todo.clear()
        else:
            done = {*state.visited, *state.todo}
            state.todo += [page for page in listing.next_pages if page not in done]

    # --- enqueue_vacancies

    def _enqueue(self, vacancies: list[Vacancy]) -> None:
        state, page = self._state, self._state.pages + 1
        with self._emit.stage(
            "enqueue_vacancies", f"Enqueueing the {len(vacancies)} new vacancies of page {page}"
        ):
            past = self._history.newest(_CHILD, {v.url: v.id for v in vacancies})
            for vacancy in vacancies:
                self._ctx.check()
                with self._emit.task(vacancy.id, name=vacancy.title or vacancy.url):
                    self._decide(vacancy, past.get(vacancy.url))
                state.found += 1
                self._emit.progress(state.found)

    def _decide(self, vacancy: Vacancy, past: PastIngestion | None) -> None:
        state, title = self._state, vacancy.title or vacancy.url
        refusal = self._robots.refusal(parse(vacancy.url))
        if refusal is not None:
            state.disallowed += 1
            self._emit.info(f"Not read: {refusal}", url=vacancy.url, decision="disallowed")
            return
        reason = self._reason_to_skip(vacancy, past)
        if reason is not None:
            state.skipped += 1
            self._emit.debug(f"Skipped {title}: {reason}", url=vacancy.url, decision="skipped")
            return
        if past is not None and self._is_mine(past):
            state.enqueued += 1
            self._emit.debug(f"{title} was enqueued as {past.job_id} before the interruption")
            return
        child, delay_s = self._spawn(vacancy)
        state.enqueued += 1
        self._emit.info(
            f"Enqueued {title} as {child}",
            url=vacancy.url,
            decision="enqueued",
            child_job_id=child,
            delay_s=round(delay_s, 3),
            why=f"{past.job_id} {past.status} at {past.changed_at}" if past else "it is new",
        )

    def _spawn(self, vacancy: Vacancy) -> tuple[str, float]:
        """
        Enqueue the child; its key makes it one, however often this job is interrupted.

        Children are due one after the other at the pace of their host, so that they wait in the
        queue and not in a worker. The pace itself is kept by whoever fetches.
        """
        state, now = self._state, now_us()
        state.first_child_us = state.first_child_us or now
        limit = fetch_settings(self._ctx.settings).max_requests_per_minute
        gap_s = pace_of(self._ctx.settings, parse(vacancy.url).hostport).gap_s()
        number = state.enqueued
        offset_s = max(number * gap_s, (number - limit) * 60 / limit)
        delay_s = max(0.0, offset_s - (now - state.first_child_us) / 1e6)
        child = self._ctx.spawn(
            _CHILD,
            {"jd_url": vacancy.url, "actor": self._payload.actor},
            source=vacancy.url,
            unique=True,
            idempotency_key=f"{vacancy.id}:{vacancy.fingerprint}:{self._ctx.job_id}",
            delay_s=delay_s,
        )
        return child, delay_s

    def _reason_to_skip(self, vacancy: Vacancy, past: PastIngestion | None) -> str | None:
        if self._since and vacancy.posted and vacancy.posted < self._since:
            return f"it was posted on {vacancy.posted}, before {self._since}"
        if past is None or self._is_mine(past):
            return None
        if past.status in _ACTIVE:
            return f"{past.job_id} is {past.status} with it"
        if past.key and past.key.split(":")[1] != vacancy.fingerprint:
            return None
        age_days = (now_us() - from_iso(past.changed_at)) / _DAY_US
        if past.status == "completed":
            if age_days < self._payload.recheck_days:
                return f"it was ingested at {past.changed_at} and is listed unchanged"
        elif age_days < self._payload.retry_days:
            days = self._payload.retry_days
            return f"{past.job_id} {past.status} at {past.changed_at}, tried again after {days} d"
        return None

    def _is_mine(self, past: PastIngestion) -> bool:
        """Whether this very job enqueued it, before it was interrupted."""
        return past.key.endswith(f":{self._ctx.job_id}")

    # --- beginning and end

    def _starting_date(self, name: str) -> str:
        since = self._payload.since
        if since == "last_run":
            return (self._history.last_completed(name, self._payload.url) or "")[:10]
        return (since or "")[:10]

    def _summary(self) -> dict[str, object]:
        state = self._state
        if state.todo:
            self._emit.warn(f"{len(state.todo)} or more pages are left: max_pages is reached")
        counts = {
            name: getattr(state, name)
            for name in ("pages", "found", "enqueued", "skipped", "disallowed")
        }
        with self._emit.stage(
            "enqueue_vacancies",
            f"{state.found} vacancies on {state.pages} pages: {state.enqueued} enqueued, "
            f"{state.skipped} skipped, {state.disallowed} disallowed",
            **counts,
        ):
            self._emit.progress(state.found, state.found)
        return {"url": self._payload.url, **counts}
