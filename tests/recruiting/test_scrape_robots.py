"""What robots.txt lets qntx read, and how fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from qntx.clock import now_us
from qntx.config import Settings
from qntx.errors import FetchError
from qntx.net.urls import parse
from qntx.runtime.context import JobContext
from qntx_recruiting.politeness import Pace, host_file, polite_fetch
from qntx_recruiting.robots import Robots
from tests.support.job_context import FakeContext
from tests.support.scripted_http import ScriptedServer, response

MakeContext = Callable[..., FakeContext]


@pytest.fixture
def job(context: MakeContext, settings: Settings, server: ScriptedServer) -> FakeContext:
    settings.fetch.allow_hosts = [server.hostport]
    settings.fetch.delay_s = 0
    return context()


def as_context(job: FakeContext) -> JobContext:
    return cast(JobContext, job)


def refused(job: FakeContext, server: ScriptedServer, path: str = "/jobs/a") -> str | None:
    return Robots(as_context(job)).refusal(parse(server.url(path)))


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (response(b"User-agent: *\nDisallow: /jobs/a", kind="text/plain"), "disallows /jobs/a"),
        (response(b"User-agent: *\nDisallow: /", kind="text/plain"), "disallows /jobs/a"),
        (
            response(b"\xef\xbb\xbfUser-agent: *\nDisallow: /", kind="text/plain"),
            "disallows /jobs/a",
        ),
        (response(b"User-agent: *\nDisallow: /*/a$", kind="text/plain"), "disallows /jobs/a"),
        (
            response(
                b"User-agent: QNTX\nDisallow: /\n\nUser-agent: *\nAllow: /", kind="text/plain"
            ),
            "disallows /jobs/a",
        ),
        (
            response(
                b"User-agent: qntx\nAllow: /\n\nUser-agent: *\nDisallow: /", kind="text/plain"
            ),
            None,
        ),
        (response(b"User-agent: *\nDisallow: /jobs\nAllow: /jobs/a", kind="text/plain"), None),
        (response(b"User-agent: *\nDisallow:", kind="text/plain"), None),
        (response(b"", kind="text/plain"), None),
        (response(b"<html>no such page, but 200</html>"), None),
        (response(b"\xff\xfe\x00garbage", kind="text/plain"), None),
        (response(b"{}", kind="application/json"), None),
        (response(b"", status=404), None),
        (response(b"", status=401), None),
        (response(b"", status=403), None),
        (response(b"", status=429), "cannot be read (the site answered 429)"),
        (response(b"", status=500), "cannot be read (the site answered 500)"),
        (response(b"", status=503), "cannot be read (the site answered 503)"),
        (b"nonsense", "cannot be read (cannot fetch"),
        (response(b"", status=302, Location="/robots.txt?again"), None),
    ],
)
def test_what_an_answer_for_robots_txt_means(
    job: FakeContext, server: ScriptedServer, reply: bytes, refusal: str | None
) -> None:
    server.replies["/robots.txt"] = reply
    found = refused(job, server)
    assert found is None if refusal is None else refusal in str(found)
    assert any(
        m.startswith(f"robots.txt of {server.url('')}: ")
        for m in job.emit.messages("info") + job.emit.messages("warn")
    )


def test_it_is_read_once_a_job_and_kept_for_the_next(
    job: FakeContext, server: ScriptedServer, context: MakeContext
) -> None:
    server.replies["/robots.txt"] = response(b"User-agent: *\nDisallow: /a", kind="text/plain")
    robots = Robots(as_context(job))
    assert robots.refusal(parse(server.url("/a")))
    assert robots.refusal(parse(server.url("/b"))) is None
    assert refused(context(job_id="JB_2"), server, "/a")
    assert len(server.requests) == 1


def test_it_is_read_again_after_an_hour_and_when_the_copy_is_damaged(
    job: FakeContext, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies["/robots.txt"] = response(b"User-agent: *\nDisallow: /a", kind="text/plain")
    refused(job, server)
    later = now_us() + 3_601_000_000
    monkeypatch.setattr("qntx_recruiting.robots.now_us", lambda: later)
    refused(job, server)
    assert len(server.requests) == 2
    host_file(job.settings.home, server.url(""), "robots.json").write_bytes(b"{")
    assert refused(job, server, "/a")
    assert len(server.requests) == 3


def test_a_site_that_was_down_is_asked_anew(job: FakeContext, server: ScriptedServer) -> None:
    server.replies["/robots.txt"] = response(b"", status=500)
    assert refused(job, server)
    server.replies["/robots.txt"] = response(b"", status=404)
    assert refused(job, server) is None


@pytest.mark.parametrize(
    ("rule", "gap_s", "said"),
    [
        (b"Crawl-delay: 2", 2.0, "asks for 2 s between requests"),
        (b"Request-rate: 1/5s", 5.0, "asks for 5 s between requests"),
        (b"Crawl-delay: 3600", 30.0, "30 s are kept (fetch.max_crawl_delay_s)"),
        (b"Crawl-delay: soon", 0.0, ""),
    ],
)
def test_the_delay_that_it_asks_for(
    job: FakeContext, server: ScriptedServer, rule: bytes, gap_s: float, said: str
) -> None:
    server.replies["/robots.txt"] = response(b"User-agent: *\n" + rule, kind="text/plain")
    refused(job, server)
    assert Pace(job.settings.home, server.hostport, job.settings.fetch).gap_s() == gap_s
    assert any(said in m for m in job.emit.messages("info") + job.emit.messages("warn"))


def test_it_is_fetched_under_the_same_guard(context: MakeContext, server: ScriptedServer) -> None:
    server.replies["/robots.txt"] = response(b"User-agent: *\nDisallow: /", kind="text/plain")
    job = context()
    Robots(as_context(job)).refusal(parse(server.url("/a")))
    assert server.requests == []
    with pytest.raises(FetchError, match="refused to fetch"):
        polite_fetch(as_context(job), server.url("/a"))
