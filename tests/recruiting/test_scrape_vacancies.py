"""The scraper's walk over a real site, with a real database of what came before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from qntx.builtin import built_in_app
from qntx.clock import iso, now_us
from qntx.config import Settings
from qntx.errors import BadInput, FetchError, JobCancelled
from qntx.model.job import JobRequest
from qntx.runtime.context import JobContext
from qntx.storage.sqlite.connection import connect
from qntx.storage.sqlite.store import SqliteStore
from qntx_recruiting.ingest_jd import IngestJD, ingest_jd
from qntx_recruiting.scrape_vacancies import ScrapeVacancies, scrape_vacancies
from tests.support.job_context import FakeContext
from tests.support.paths import example_module
from tests.support.scripted_http import ScriptedServer, response

MakeContext = Callable[..., FakeContext]
SITE = example_module("site")


@pytest.fixture
def site(server: ScriptedServer, settings: Settings) -> ScriptedServer:
    settings.fetch.allow_hosts = [server.hostport]
    settings.fetch.delay_s = 0
    return server


@pytest.fixture
def past(settings: Settings) -> SqliteStore:
    return SqliteStore(settings.database)


def page(*slugs: str, more: str = "", kind: str = "Clerk") -> bytes:
    links = "".join(f'<li class="job"><a href="/jobs/{s}">{kind} {s}</a></li>' for s in slugs)
    return response(f"<!doctype html><html><main><ul>{links}</ul>{more}</main></html>".encode())


def next_page(number: int) -> str:
    return f'<a rel="next" href="/jobs?page={number}">Next</a>'


def scrape(ctx: FakeContext, url: str, **more: Any) -> dict[str, Any]:
    payload = ScrapeVacancies(url, **more)
    return cast(dict[str, Any], scrape_vacancies(cast(JobContext, ctx), payload))


def counts(summary: dict[str, Any]) -> tuple[int, ...]:
    names = ("pages", "found", "enqueued", "skipped", "disallowed")
    return tuple(summary[name] for name in names)


def enqueue(past: SqliteStore, spawned: list[dict[str, Any]]) -> list[str]:
    """Put what a run spawned on the queue, as the indexer does."""
    return past.queue.enqueue(
        [JobRequest(**{**s, "payload": msgspec.to_builtins(s["payload"])}) for s in spawned]
    )


def become(settings: Settings, status: str, age_days: float = 0.0) -> None:
    """Let all jobs end in *status*, *age_days* ago."""
    db = connect(settings.database)
    db.execute("UPDATE async_ix_jobs SET status = ?, updated_at = ?", (status, ago(age_days)))
    db.close()


def ago(age_days: float) -> str:
    return iso(now_us() - int(age_days * 86_400_000_000))


# --- the whole site


def test_the_example_site_from_end_to_end(context: MakeContext, settings: Settings) -> None:
    site = SITE.CareerSite()
    with SITE.serving(site=site) as base:
        settings.fetch.allow_hosts = [base.removeprefix("http://")]
        ctx = context()
        summary = scrape(ctx, f"{base}/jobs", actor="kim")
    assert summary["url"] == f"{base}/jobs"
    assert counts(summary) == (4, 60, 59, 0, 1)
    urls = [child["payload"]["jd_url"] for child in ctx.spawned]
    closed = [slug for slug, trouble in site.troubles.items() if trouble == "disallowed"]
    assert urls == [f"{base}/jobs/{slug}" for slug in site.postings if slug not in closed]
    assert all(child["source"] == child["payload"]["jd_url"] for child in ctx.spawned)
    assert {child["payload"]["actor"] for child in ctx.spawned} == {"kim"}
    assert all(child["unique"] for child in ctx.spawned)
    assert site.requests == ["/robots.txt", "/jobs", "/jobs?page=2", "/jobs?page=3", "/jobs?page=4"]
    assert ctx.emit.stages() == ["fetch_listing", "find_vacancies", "enqueue_vacancies"]
    assert ctx.emit.messages("info")[-1] == (
        "60 vacancies on 4 pages: 59 enqueued, 0 skipped, 1 disallowed"
    )
    decided = [line for line in ctx.emit.lines if "decision" in line[4]]
    assert len({task for _, task, _, _, _ in decided}) == len(decided) == 60


def test_children_are_due_at_the_pace_of_their_host(
    context: MakeContext, site: ScriptedServer, settings: Settings
) -> None:
    settings.fetch.delay_s, settings.fetch.max_requests_per_minute = 2.0, 60
    site.replies["/jobs"] = page(*(f"v{n}" for n in range(40)))
    ctx = context()
    scrape(ctx, site.url("/jobs"))
    delays = [child["delay_s"] for child in ctx.spawned]
    assert delays[0] == 0
    assert all(1.9 * n < delay <= 2.0 * n for n, delay in enumerate(delays) if n)


# --- pages


def test_the_walk_ends_at_the_last_page_and_never_turns_in_a_circle(
    context: MakeContext, site: ScriptedServer
) -> None:
    site.replies["/jobs"] = page("a", "b", more=next_page(2))
    site.replies["/jobs?page=2"] = page("b", "c", more='<a rel="next" href="/jobs">Next</a>')
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"))) == (2, 3, 3, 0, 0)
    assert any("1 were on a page before" in m for m in ctx.emit.messages("debug"))


def test_a_site_that_answers_to_any_page_number_is_left(
    context: MakeContext, site: ScriptedServer
) -> None:
    site.replies["/jobs"] = page("a", more=next_page(2))
    site.replies["/jobs?page=2"] = page("a", more=next_page(3))
    site.replies["/jobs?page=3"] = page("z", more=next_page(4))
    assert counts(scrape(context(), site.url("/jobs"))) == (2, 1, 1, 0, 0)


def test_the_bounds_are_kept_and_told(context: MakeContext, site: ScriptedServer) -> None:
    for number in range(1, 9):
        path = "/jobs" if number == 1 else f"/jobs?page={number}"
        site.replies[path] = page(f"a{number}", f"b{number}", more=next_page(number + 1))
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"), max_pages=3)) == (3, 6, 6, 0, 0)
    assert any("max_pages is reached" in m for m in ctx.emit.messages("warn"))
    ctx = context(job_id="JB_2")
    assert counts(scrape(ctx, site.url("/jobs"), max_vacancies=5)) == (3, 5, 5, 0, 0)
    assert any("1 are left out: max_vacancies" in m for m in ctx.emit.messages("warn"))


def test_a_page_without_vacancies_is_told(context: MakeContext, site: ScriptedServer) -> None:
    site.replies["/jobs"] = page()
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"))) == (1, 0, 0, 0, 0)
    assert ctx.emit.messages("warn")[0].startswith("No vacancy was found - check that")


def test_a_listing_that_robots_disallows_is_not_read(
    context: MakeContext, site: ScriptedServer
) -> None:
    rules = b"User-agent: *\nDisallow: /closed"
    site.replies["/robots.txt"] = response(rules, kind="text/plain")
    site.replies["/closed"] = page("a")
    site.replies["/jobs"] = response(b"", status=302, Location="/closed")
    for path in ("/closed", "/jobs"):
        ctx = context(job_id=f"JB_{path}")
        with pytest.raises(FetchError, match="disallows /closed"):
            scrape(ctx, site.url(path))
        assert ctx.spawned == []
        assert ctx.emit.failed == ["fetch_listing"]


# --- interruptions


def test_a_page_that_fails_fails_the_job_and_a_retry_goes_on_there(
    context: MakeContext, site: ScriptedServer, past: SqliteStore
) -> None:
    site.replies["/jobs"] = page("a", "b", more=next_page(2))
    site.replies["/jobs?page=2"] = response(b"", status=500)
    ctx = context()
    with pytest.raises(FetchError, match="answered 500"):
        scrape(ctx, site.url("/jobs"))
    assert len(ctx.spawned) == 2
    enqueue(past, ctx.spawned)
    site.replies["/jobs?page=2"] = page("b", "c")
    site.requests.clear()
    again = context(state=ctx.checkpoints[-1])
    assert counts(scrape(again, site.url("/jobs"))) == (2, 3, 3, 0, 0)
    assert [child["source"] for child in again.spawned] == [site.url("/jobs/c")]
    assert [line.split()[1] for line in site.requests] == ["/jobs?page=2"]


@pytest.mark.parametrize("status", ["queued", "completed", "failed"])
def test_a_run_that_is_interrupted_within_a_page_enqueues_nothing_twice(
    context: MakeContext, site: ScriptedServer, past: SqliteStore, settings: Settings, status: str
) -> None:
    site.replies["/jobs"] = page("a", "b", "c")
    ctx = context()

    def stop() -> None:
        if len(ctx.spawned) == 2:
            raise JobCancelled("stop")

    ctx.before_check = stop
    with pytest.raises(JobCancelled):
        scrape(ctx, site.url("/jobs"))
    assert ctx.checkpoints == []
    enqueue(past, ctx.spawned)
    become(settings, status)
    again = context()
    assert counts(scrape(again, site.url("/jobs"))) == (1, 3, 3, 0, 0)
    assert [child["source"] for child in again.spawned] == [site.url("/jobs/c")]


# --- what came before


def test_what_is_being_ingested_is_skipped_whoever_asked_for_it(
    context: MakeContext, site: ScriptedServer, past: SqliteStore
) -> None:
    site.replies["/jobs"] = page("a", "b")
    payload = {"jd_url": site.url("/jobs/a"), "actor": "cli"}
    by_hand = JobRequest(
        handler_name="role.jd-ingestion", source=site.url("/jobs/a"), payload=payload
    )
    (job_id,) = past.queue.enqueue([by_hand])
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"))) == (1, 2, 1, 1, 0)
    assert any(f"{job_id} is queued with it" in m for m in ctx.emit.messages("debug"))


@pytest.mark.parametrize(
    ("status", "age_days", "title", "enqueued"),
    [
        ("queued", 0, "Clerk", 0),
        ("completed", 0, "Clerk", 0),
        ("completed", 29, "Clerk", 0),
        ("completed", 31, "Clerk", 2),
        ("completed", 0, "Senior Clerk", 2),
        ("queued", 0, "Senior Clerk", 0),
        ("failed", 0.5, "Clerk", 0),
        ("failed", 1.5, "Clerk", 2),
        ("failed", 0.5, "Senior Clerk", 2),
        ("cancelled", 0.5, "Clerk", 0),
    ],
)
def test_a_second_run(
    context: MakeContext,
    site: ScriptedServer,
    past: SqliteStore,
    settings: Settings,
    status: str,
    age_days: float,
    title: str,
    enqueued: int,
) -> None:
    site.replies["/jobs"] = page("a", "b")
    first = context()
    scrape(first, site.url("/jobs"))
    enqueue(past, first.spawned)
    become(settings, status, age_days)
    site.replies["/jobs"] = page("a", "b", kind=title)
    second = context(job_id="JB_2")
    assert counts(scrape(second, site.url("/jobs"))) == (1, 2, enqueued, 2 - enqueued, 0)
    assert len(second.spawned) == enqueued
    before = past.jobs.page(limit=50).count
    assert len(set(enqueue(past, second.spawned))) == enqueued
    assert past.jobs.page(limit=50).count == before + enqueued


def test_what_is_stored_is_known_even_when_its_job_is_gone(
    context: MakeContext, site: ScriptedServer
) -> None:
    text = b"<html><h1>Clerk a</h1>" + b"<p>You keep our books and greet guests. </p>" * 9
    site.replies["/jobs/a"] = response(text)
    ingest_jd(cast(JobContext, context(job_id="JB_jd")), IngestJD(site.url("/jobs/a")))
    site.replies["/jobs"] = page("a", "b")
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"))) == (1, 2, 1, 1, 0)
    assert any("it was ingested at" in m for m in ctx.emit.messages("debug"))


# --- since


def dated(*entries: tuple[str, str]) -> bytes:
    items = [
        {"@type": "JobPosting", "title": slug, "url": f"/jobs/{slug}", "datePosted": day}
        for slug, day in entries
    ]
    data = json.dumps({"@type": "ItemList", "itemListElement": items})
    return response(f'<html><script type="application/ld+json">{data}</script></html>'.encode())


def test_since_a_date(context: MakeContext, site: ScriptedServer) -> None:
    site.replies["/jobs"] = dated(("old", "2026-10-31"), ("new", "2026-11-01"), ("undated", ""))
    ctx = context()
    assert counts(scrape(ctx, site.url("/jobs"), since="2026-11-01")) == (1, 3, 2, 1, 0)
    assert "it was posted on 2026-10-31, before 2026-11-01" in ctx.emit.messages("debug")[-1]


def test_since_the_last_run(
    context: MakeContext, site: ScriptedServer, past: SqliteStore, settings: Settings
) -> None:
    today = ago(0)[:10]
    site.replies["/jobs"] = dated(("old", ago(3)[:10]), ("new", today))
    assert counts(scrape(context(), site.url("/jobs"), since="last_run")) == (1, 2, 2, 0, 0)
    payload = {"url": site.url("/jobs")}
    past.queue.enqueue(
        [JobRequest(handler_name="role.vacancies-scraper", source="x", payload=payload)]
    )
    become(settings, "completed")
    ctx = context(job_id="JB_2")
    assert counts(scrape(ctx, site.url("/jobs"), since="last_run")) == (1, 2, 1, 1, 0)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"url": "https://a.example", "since": "last week"},
        {"url": "https://a.example", "max_pages": 0},
        {"url": "https://a.example", "depth": 2},
    ],
)
def test_a_payload_that_makes_no_sense_is_refused_before_it_is_queued(
    settings: Settings, payload: dict[str, Any]
) -> None:
    with pytest.raises(BadInput, match=r"does not fit handler 'role\.vacancies-scraper'"):
        built_in_app(settings).request("vacancies", payload)
