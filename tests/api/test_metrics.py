"""Figures for Prometheus, and the page that describes the API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.parser import text_string_to_metric_families

from qntx.app import App
from qntx.journal.format import ENDED
from qntx.recording.system_log import log_system
from tests.support.api_data import Data, make_app
from tests.support.api_server import TOKEN, serving


def figures(client: httpx2.Client, **headers: str) -> dict[tuple[str, tuple[Any, ...]], float]:
    """Value by name and labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    # As prometheus_client says it; Prometheus scrapes nothing whose type names a charset twice.
    assert answer.headers["content-type"] == CONTENT_TYPE_PLAIN_0_0_4
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_figures_are_those_of_the_store(client: httpx2.Client, app: App, data: Data) -> None:
    found = figures(client)
    counts = app.store.jobs.counts()
    for status, number in counts.items():
        assert found["qntx_jobs", (("status", status),)] == number
    assert found["qntx_queue_length", ()] == counts["queued"] > 0
    [row] = app.store.connection.execute("SELECT sum(stored) FROM job_attempts").fetchall()
    assert found["qntx_lines_stored_total", ()] == row[0] > 2_500
    assert found["qntx_lines_lost_total", ()] == 0
    assert found["qntx_indexer_backlog_bytes", ()] == 0
    assert found["qntx_indexer_lag_seconds", ()] == 0
    assert found["qntx_database_bytes", ()] > 100_000
    assert found["qntx_workers", ()] == 1
    assert found["qntx_workers_busy", ()] == 0


def test_requests_are_counted_by_route_not_by_path(fresh: App) -> None:
    with serving(fresh) as (_, client):
        for number in range(5):
            client.get(f"/api/pulse/jobs/JB_{number}")
        client.get("/nowhere")
        client.get("/api/pulse/jobs", headers={"Host": "evil.com"})
        client.request("BREW", "/healthz")
        found = figures(client)
        text = client.get("/metrics").text
    labels = (("method", "GET"), ("route", "/api/pulse/jobs/{job_id}"), ("status", "404"))
    assert found["qntx_http_requests_total", labels] == 5
    assert found["qntx_http_first_byte_seconds_count", (("route", labels[1][1]),)] == 5
    assert "JB_0" not in text
    assert "nowhere" not in text
    refused = (("method", "GET"), ("route", "none"), ("status", "403"))
    assert found["qntx_http_requests_total", refused] == 1
    assert not any("BREW" in str(key) for key in found)


def test_what_is_not_stored_yet_is_a_lag(fresh: App) -> None:
    """A journal that no indexer reads."""
    from qntx.recording.session import close_journals, journal_of

    with serving(fresh) as (_, client):
        log_system(fresh.settings, 20, "waits in the journal")
        found = figures(client)
        assert found["qntx_indexer_backlog_bytes", ()] > 50
        assert 0 < found["qntx_indexer_lag_seconds", ()] < 30
    assert ENDED == 2
    assert journal_of(fresh.settings.home, fresh.settings.capture) is not None
    close_journals()


def test_the_token_is_needed_only_with_auth_always(tmp_path: Path) -> None:
    with serving(make_app(tmp_path / "home", auth="always")) as (_, client):
        assert client.get("/metrics").status_code == 401
        assert figures(client, Authorization=f"Bearer {TOKEN}")
        assert client.get("/docs").status_code == 200


def test_the_description_is_a_page_of_our_own(client: httpx2.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["content-security-policy"]
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert wanted
    for address in wanted:
        if address == "data:,":
            continue  # no icon
        assert address.startswith("/"), "nothing from anywhere else"
        assert client.get(address).status_code == 200, address
    assert not re.search(r"<script>|style=|\son\w+=", page.text), "nothing inline"
    script = client.get("/static/docs.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "innerHTML" not in script.text
    for name in ("nothing.js", "..%2fserver.py", "docs.htm"):
        assert client.get(f"/static/{name}").status_code == 404
