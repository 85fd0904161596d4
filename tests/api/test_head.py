"""HEAD: the headers of the answer to GET, and nothing behind them."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from qntx.api import change_feed as feed
from qntx.app import App
from tests.support.api_data import Data, make_app
from tests.support.api_server import TOKEN, serving
from tests.support.waiting import wait_until

from .test_security import AUTH, PAGES, raw, routes

#: What differs from one answer to the next.
OF_ITS_OWN = {"date", "x-request-id", "set-cookie"}
#: What is said there depends on the moment.
LIVELY = {"/metrics", "/readyz", "/api/pulse/system", "/api/pulse/retention"}


def head_of(answer: httpx2.Response) -> tuple[int, dict[str, str]]:
    headers = {k: v for k, v in answer.headers.items() if k not in OF_ITS_OWN}
    # How long what changes from one moment to the next is.
    if answer.request.url.path in LIVELY:
        del headers["content-length"]
    return answer.status_code, headers


def test_what_answers_get_answers_head(client: httpx2.Client, data: Data) -> None:
    described = [path for method, path in routes(client) if method == "GET"]
    real = [path.replace("JB_1", data.jobs["rich"]) for path in described]
    bad = ["/api/pulse/jobs?limit=0", "/x.y", "/api/pulse/jobs/JB_1/cancel"]
    for path in [*described, *real, *PAGES, *bad]:
        with client.stream("GET", path) as answer:  # a live stream has no end
            expected = head_of(answer)
        # The same connection goes on: nothing is left on it of the answer before.
        got = client.head(path)
        assert head_of(got) == expected, path
        assert got.content == b""


def test_a_stream_that_is_asked_for_by_head_does_not_begin(
    fresh: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "FEED_LINGER_S", 0.0)
    job_id = fresh.enqueue("said", {})
    with serving(fresh) as (server, _):
        for path in ("/api/pulse/events", f"/api/pulse/jobs/{job_id}/events"):
            answer = raw(server, f"HEAD {path} HTTP/1.1\r\nHost: localhost:{{port}}\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
        watch = server.api.state.server.poller
        wait_until(lambda: watch.listeners == 0)


def test_it_is_guarded_and_counted_like_get(tmp_path: Path) -> None:
    with serving(make_app(tmp_path / "home", auth="always")) as (_, client):
        assert client.head("/api/pulse/jobs").status_code == 401
        assert client.head("/api/pulse/jobs", headers={"Host": "evil.com"}).status_code == 403
        assert client.head("/api/pulse/jobs", headers=AUTH).status_code == 200
        figures = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        refused = client.delete("/api/pulse/jobs", headers=AUTH)
        assert "HEAD" in refused.headers["allow"]
    counted = 'qntx_http_requests_total{method="HEAD",route="/api/pulse/jobs",status="200"} 1.0'
    assert counted in figures
