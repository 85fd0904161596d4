"""What a running server does by itself: deletes once an hour, warns when it grows too large."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.config import FetchSettings, StorageSettings
from qntx.errors import BadInput, FetchError
from qntx.maintenance.loop import MaintenanceLoop
from qntx.maintenance.size_watch import SizeWatch, measure
from qntx.maintenance.webhook import post, webhook_of
from qntx.model.views import LogFilter
from qntx.recording.session import close_journals
from qntx.recording.system_log import SYSTEM_LOG
from tests.support.aged_jobs import later, make_app
from tests.support.recorded_runs import drain_all


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = make_app(tmp_path / "home")
    _ = made.store.connection
    yield made
    close_journals()


def said(app: App) -> list[tuple[str, str, str]]:
    """(level, source, message) of the system's log."""
    close_journals()
    drain_all(app.settings.home)
    return [
        (line.level, line.source, line.message)
        for line, _ in app.store.logs.lines(SYSTEM_LOG, LogFilter())
    ]


@contextmanager
def receiving(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A program that takes POSTs: its address, and what it was told."""
    told: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?x=1", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_runs_retention_and_says_so_once_an_hour(app: App) -> None:
    app.run("levels", {"each": 10})
    app.store.connection.execute("UPDATE async_ix_jobs SET completed_at = '2020-01-01T00:00:00Z'")
    app.store.connection.execute(
        "UPDATE job_attempts SET ended_at = '2020-01-01T00:00:00Z',"
        " started_at = '2020-01-01T00:00:00Z'"
    )
    maintenance = MaintenanceLoop(app.settings)
    assert maintenance.next_run_at is None
    maintenance.expire()
    first = maintenance.next_run_at
    level, source, message = said(app)[0]
    assert (level, source) == ("info", "system")
    assert message.startswith("retention deleted 50 lines of 1 job (lines: 90 days: 50)")
    maintenance.expire()
    assert maintenance.next_run_at == first, "not again within the hour"
    # A server that starts anew does not begin from the start, either.
    again = MaintenanceLoop(app.settings)
    again.expire()
    assert again.next_run_at is not None
    assert len(said(app)) == 1


def test_a_limit_is_told_once_per_crossing_also_over_restarts(app: App) -> None:
    app.run("levels", {})
    told: list[Any] = []
    store = StorageSettings.model_validate({"limit": "1kB"})
    app.settings.storage = store
    for _ in range(2):  # two servers, one after the other
        maintenance = MaintenanceLoop(app.settings, told.append)
        maintenance.look()
        maintenance.look()
    assert [(one.event, one.over) for one in told] == [("storage_limit", True)]
    assert told[0].storage.over_limit
    assert "takes" in told[0].message
    assert "storage.limit" in told[0].message
    store.limit = StorageSettings().limit
    maintenance.look()
    assert [(one.event, one.over) for one in told][1:] == [("storage_limit", False)]
    levels = [(level, source) for level, source, _ in said(app)]
    assert levels == [("warn", "system"), ("info", "system")]


def test_a_size_at_the_edge_is_not_told_every_minute(app: App) -> None:
    app.run("levels", {})
    told: list[Any] = []
    watch = SizeWatch(app.settings, app.store, told.append)
    now = measure(app.settings, app.store)
    taken = now.database_bytes + now.journal_bytes
    for limit in (taken - 1, taken + 1, taken - 1, int(taken * 1.02), taken - 1):
        app.settings.storage.limit = type(app.settings.storage.limit)(limit)
        watch.look()
    assert [(one.event, one.over) for one in told] == [("storage_limit", True)]


def test_a_disk_that_is_nearly_full(app: App) -> None:
    app.settings.storage = StorageSettings.model_validate({"min_free": "1000TB", "limit": 0})
    told: list[Any] = []
    SizeWatch(app.settings, app.store, told.append).look()
    assert [(one.event, one.over) for one in told] == [("low_disk_space", True)]
    assert "free on the disk" in told[0].message
    assert measure(app.settings, app.store).limit_bytes is None


def test_the_webhook_gets_it(app: App) -> None:
    with receiving() as (url, told):
        host = url.split("/")[2]
        app.settings.fetch = FetchSettings(allow_hosts=[host])
        app.settings.storage = StorageSettings.model_validate({"limit": "1kB", "webhook": url})
        MaintenanceLoop(app.settings, webhook_of(app.settings)).look()
    [(path, content_type, body)] = told
    assert (path, content_type) == ("/hook?x=1", "application/json")
    assert (body["event"], body["over"]) == ("storage_limit", True)
    assert body["storage"]["limit_bytes"] == 1_000
    assert len(said(app)) == 1


def test_a_webhook_that_fails_is_said_and_changes_nothing_else(app: App) -> None:
    with receiving(302) as (url, told):
        app.settings.fetch = FetchSettings(allow_hosts=[url.split("/")[2]])
        app.settings.storage = StorageSettings.model_validate({"limit": "1kB", "webhook": url})
        MaintenanceLoop(app.settings, webhook_of(app.settings)).look()
        assert len(told) == 1
    messages = [message for _, _, message in said(app)]
    assert "webhook was not reached" in messages[1]
    assert "answered 302" in messages[1]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nope",
        "hooks.example.com/x",
        "ftp://a.example/",
        "http://u:p@a.example/x",
        "http://[::1",
        "https:///x",
    ],
)
def test_an_address_that_is_none_is_refused_at_the_start(app: App, address: str) -> None:
    app.settings.storage = StorageSettings(webhook=address)
    with pytest.raises(BadInput, match=r"setting 'storage\.webhook' cannot be used: ."):
        webhook_of(app.settings)


def test_the_webhook_is_guarded(app: App) -> None:
    with receiving() as (url, told):
        with pytest.raises(FetchError, match=r"allow_hosts"):
            post(url, b"{}", FetchSettings())
        with pytest.raises(FetchError):
            post("file:///etc/passwd", b"{}", FetchSettings())
    assert told == []
    with pytest.raises(FetchError, match="not told"):
        post(url, b"{}", FetchSettings(allow_hosts=[url.split("/")[2]]))


def test_it_starts_and_stops(app: App) -> None:
    app.run("levels", {})
    maintenance = MaintenanceLoop(app.settings)
    maintenance.start()
    maintenance.stop()
    assert maintenance._thread is not None
    assert not maintenance._thread.is_alive()
    assert later(app, 1).last() is not None or maintenance.next_run_at is None
