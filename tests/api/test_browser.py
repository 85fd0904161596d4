"""A real browser against the server on its own machine: rebinding, foreign pages, logging in."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qntx.api.security.sessions import new_code
from qntx.api.security.stack import Guards
from qntx.app import App
from tests.support.api_data import make_app
from tests.support.api_server import TOKEN, serving

pytestmark = pytest.mark.browser

SCRIPT = Path(__file__).with_name("attacks.mjs")


def browse(*arguments: str) -> Any:
    """What a script in the browser found."""
    done = subprocess.run(
        ["node", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextmanager
def foreign_site() -> Iterator[str]:
    """A page of another origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>foreign</title><body>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_name_that_was_rebound_to_this_machine_reads_nothing(fresh: App) -> None:
    secret = fresh.enqueue("said", {"note": "nobody else's business"})
    with serving(fresh) as (server, _):
        result = browse("rebinding", str(server.port))
    assert result["status"] == 403
    assert result["write"] == 403
    assert result["stream"] == "refused"
    for path, (status, text) in result["found"].items():
        assert status == 403, path
        assert secret not in text
        assert TOKEN not in text
        assert "host_not_allowed" in text
    assert sum(fresh.store.jobs.counts().values()) == 1


def test_without_the_guard_of_hosts_the_attack_works(fresh: App) -> None:
    """The test above can fail: rebinding is stopped by that guard and by nothing else."""
    secret = fresh.enqueue("said", {"note": "nobody else's business"})
    with serving(fresh, guards=Guards(hosts=False)) as (server, _):
        result = browse("rebinding", str(server.port))
    status, text = result["found"]["/api/pulse/jobs"]
    assert status == 200
    assert secret in text
    # Even then no token is given away, and the other guards let nothing be changed.
    assert result["write"] == 403
    assert not any(TOKEN in text for _, text in result["found"].values())


@pytest.mark.parametrize("guards", [Guards(), Guards(hosts=False), Guards(access=False)])
def test_a_page_of_another_site_reads_and_changes_nothing(fresh: App, guards: Guards) -> None:
    secret = fresh.enqueue("said", {"note": "nobody else's business"})
    with serving(fresh, guards=guards) as (server, _), foreign_site() as page:
        found = browse("foreign", page, server.url)
    assert not any(secret in text or TOKEN in text for text in found.values())
    for name in ("read", "read with cookies", "write", "stream", "script"):
        assert found[name] == "refused", name
    assert found["frame"] == "closed"
    assert sum(fresh.store.jobs.counts().values()) == 1


def test_logging_in_and_reading_the_description(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home", auth="always")
    with serving(app) as (server, _):
        url = f"{server.url}/login#code={new_code(app.settings.home)}"
        result = browse("login", server.url, TOKEN, url)
    assert result["led"] == "/login?next=%2Fdocs"
    assert "not the token" in result["refused"]
    assert result["arrived"] == "/docs"
    assert result["all"] > 40
    assert 1 <= result["few"] <= 3
    assert "/api/pulse/retention/preview" in result["shown"]
    assert "curl" in result["shown"]
    assert result["cookie"] == "", "scripts see no cookie"
    assert result["session"] == {"httpOnly": True, "sameSite": "Strict"}
    assert result["status"] == 200
    assert "used or older than a minute" in result["again"]
    assert result["trouble"] == []
