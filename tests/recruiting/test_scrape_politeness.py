"""How fast hosts are asked, and what they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from qntx.config import Settings
from qntx.errors import JobCancelled
from qntx.runtime.context import JobContext
from qntx_recruiting.fetch import BadStatus, user_agent
from qntx_recruiting.politeness import Pace, host_file, polite_fetch, retry_after_s
from qntx_recruiting.settings import FetchSettings
from tests.support.job_context import FakeContext
from tests.support.scripted_http import ScriptedServer, response

MakeContext = Callable[..., FakeContext]
HOST = "site.example:443"


class Clock:
    """Time that passes only when it is waited for."""

    def __init__(self) -> None:
        self.at_us = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.at_us


def waits(pace: Pace, clock: Clock, number: int) -> list[float]:
    """Make *number* requests, each as soon as it may be made: the moments, in seconds."""
    start, moments = clock.at_us, []
    for _ in range(number):
        wait_s, _ = pace.book()
        clock.at_us += round(wait_s * 1e6)
        moments.append((clock.at_us - start) / 1e6)
    return moments


def make_pace(tmp_path: Path, clock: Clock, **settings: Any) -> Pace:
    return Pace(tmp_path, HOST, FetchSettings(**settings), clock)


def test_the_delay_lies_between_two_requests(tmp_path: Path) -> None:
    clock = Clock()
    assert waits(make_pace(tmp_path, clock, delay_s=0.5), clock, 4) == [0, 0.5, 1.0, 1.5]


def test_within_any_minute_there_are_no_more_requests_than_allowed(tmp_path: Path) -> None:
    clock = Clock()
    pace = make_pace(tmp_path, clock, delay_s=0, max_requests_per_minute=3)
    assert waits(pace, clock, 7) == [0, 0, 0, 60, 60, 60, 120]
    clock.at_us += 90_000_000
    assert waits(pace, clock, 4) == [0, 0, 0, 60]


def test_an_hour_of_requests_at_the_default_pace(tmp_path: Path) -> None:
    clock = Clock()
    moments = waits(make_pace(tmp_path, clock), clock, 600)
    assert all(moments[i + 60] - moments[i] >= 60 for i in range(540))
    assert all(moments[i + 1] - moments[i] >= 0.5 for i in range(599))
    assert moments[-1] <= 600


def test_a_crawl_delay_is_kept_and_can_be_withdrawn(tmp_path: Path) -> None:
    clock = Clock()
    pace = make_pace(tmp_path, clock, delay_s=0.5)
    pace.slow_down(4)
    assert waits(pace, clock, 3) == [0, 4, 8]
    assert pace.gap_s() == 4
    pace.slow_down(0)
    assert waits(pace, clock, 2) == [0.5, 1]


def test_a_host_that_asked_to_wait_is_left_alone(tmp_path: Path) -> None:
    clock = Clock()
    pace = make_pace(tmp_path, clock, delay_s=0)
    pace.hold(20)
    pace.hold(5)
    assert pace.book() == (20.0, "it asked to be left alone until then")


def test_the_pace_is_shared_by_all_workers_and_apart_for_each_host(tmp_path: Path) -> None:
    clock = Clock()
    booked: list[float] = []

    def work() -> None:
        mine = make_pace(tmp_path, clock, delay_s=1)
        booked.extend(mine.book()[0] for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(booked) == [float(n) for n in range(100)]
    assert Pace(tmp_path, "other.example:443", FetchSettings(), clock).book()[0] == 0


def test_what_a_killed_worker_or_a_wrong_clock_left_holds_nobody_up(tmp_path: Path) -> None:
    clock = Clock()
    path = host_file(tmp_path, HOST, "pace.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"slots": [18000000')
    pace = make_pace(tmp_path, clock, delay_s=1)
    assert waits(pace, clock, 2) == [0, 1]
    pace.hold(900)
    clock.at_us -= 7 * 86_400_000_000
    assert pace.book()[0] == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, 1_800_000_000_000_000) == seconds


# --- fetching


@pytest.fixture
def job(context: MakeContext, settings: Settings, server: ScriptedServer) -> FakeContext:
    settings.fetch.allow_hosts = [server.hostport]
    settings.fetch.delay_s = 0
    return context()


def as_context(job: FakeContext) -> JobContext:
    return cast(JobContext, job)


def test_a_site_that_asks_to_come_back_is_asked_again_then(
    job: FakeContext, server: ScriptedServer
) -> None:
    server.replies["/"] = response(b"", status=503, Retry_After="7")

    def next_time() -> None:
        if job.slept:
            server.replies["/"] = response(b"<html>here</html>")

    job.before_check = next_time
    page = polite_fetch(as_context(job), server.url())
    assert page.body == b"<html>here</html>"
    assert [round(s) for s in job.slept] == [7]
    assert "answered 503 and asks to come back in 7 s; trying again" in job.emit.messages("warn")[0]
    assert "it asked to be left alone until then" in job.emit.messages("info")[0]


def test_it_is_asked_a_bounded_number_of_times(job: FakeContext, server: ScriptedServer) -> None:
    server.replies["/"] = response(b"", status=429, Retry_After="1")
    with pytest.raises(BadStatus, match="answered 429"):
        polite_fetch(as_context(job), server.url())
    assert len(server.requests) == 3


def test_who_asks_for_more_than_the_bound_is_not_waited_for_but_left_alone(
    job: FakeContext, server: ScriptedServer
) -> None:
    server.replies["/"] = response(b"", status=429, Retry_After="100000")
    with pytest.raises(BadStatus):
        polite_fetch(as_context(job), server.url())
    assert job.slept == []
    assert "more than 120 s (fetch.max_retry_after_s)" in job.emit.messages("warn")[0]
    with pytest.raises(BadStatus):
        polite_fetch(as_context(job), server.url())
    assert 110 < job.slept[0] <= 120


@pytest.mark.parametrize("status", [404, 500, 503])
def test_other_answers_are_final(job: FakeContext, server: ScriptedServer, status: int) -> None:
    headers = {} if status == 503 else {"Retry_After": "1"}
    server.replies["/"] = response(b"", status=status, **headers)
    with pytest.raises(BadStatus):
        polite_fetch(as_context(job), server.url())
    assert len(server.requests) == 1


def test_a_job_that_is_cancelled_does_not_wait(job: FakeContext, server: ScriptedServer) -> None:
    server.replies["/"] = response(b"", status=429, Retry_After="60")

    def cancel() -> None:
        if job.slept:
            raise JobCancelled("stop")

    job.before_check = cancel
    with pytest.raises(JobCancelled):
        polite_fetch(as_context(job), server.url())


def test_qntx_says_who_it_is(job: FakeContext, server: ScriptedServer) -> None:
    job.settings.fetch.contact = "https://acme.example/bot\r\nX-Evil: 1 (or mail)"
    server.replies["/"] = response(b"<html>x</html>")
    polite_fetch(as_context(job), server.url())
    head = server.requests[0].split("\r\n")
    said = next(line for line in head if line.startswith("User-Agent: "))
    assert said.startswith("User-Agent: qntx/")
    assert "(reads job descriptions; +https://acme.example/bot" in said
    assert not any(line.startswith("X-Evil") for line in head)
    assert user_agent("").endswith("(reads job descriptions)")
