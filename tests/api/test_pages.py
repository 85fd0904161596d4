"""The web UI's page and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qntx.api import pages
from qntx.app import App
from tests.support.api_server import TOKEN, serving

INDEX = '<!doctype html><html><head><script src="/assets/app-1.js"></script></head></html>'
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built UI of its own."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "app-1.js").write_text("go()")
    (folder / "assets" / "app-1.css").write_text("a{}")
    (folder / "assets" / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "secret.py").write_text("no")
    (folder / "secret.txt").write_text("no")
    files = pages.WebFiles
    monkeypatch.setattr(pages, "WebFiles", lambda: files(folder))
    return folder


def test_pages_carry_the_token_of_a_local_server(fresh: App, built: Path) -> None:
    with serving(fresh) as (_, client):
        for path in ("/", "/jobs", "/jobs/JB_1", "/search?q=x", "/jds/JD_1", "/system"):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert f'<meta name="qntx-token" content="{TOKEN}" />' in answer.text
            assert answer.text.count(TOKEN) == 1


def test_files_have_their_types_and_may_be_kept(fresh: App, built: Path) -> None:
    types = {
        "app-1.js": "text/javascript; charset=utf-8",
        "app-1.css": "text/css; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    with serving(fresh) as (_, client):
        for name, kind in types.items():
            answer = client.get(f"/assets/{name}")
            assert answer.headers["content-type"] == kind
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["x-content-type-options"] == "nosniff"
        for name in ("secret.py", "..%2fsecret.txt", "%2e%2e%2findex.html", "index.html"):
            answer = client.get(f"/assets/{name}")
            assert answer.status_code == 404, name
            assert answer.headers["cache-control"] == "no-store"


def test_a_ui_built_anew_is_served_without_a_restart(fresh: App, built: Path) -> None:
    with serving(fresh) as (_, client):
        assert client.get("/assets/app-2.js").status_code == 404
        (built / "assets" / "app-2.js").write_text("new()")
        (built / "index.html").write_text(INDEX.replace("app-1", "app-2"))
        os.utime(built / "index.html", ns=(1, 1))
        assert "app-2" in client.get("/").text
        assert client.get("/assets/app-2.js").text == "new()"


def test_a_ui_that_is_not_built_says_how_to_build_it(fresh: App, built: Path) -> None:
    (built / "index.html").unlink()
    with serving(fresh) as (_, client):
        answer = client.get("/")
        assert answer.status_code == 200
        assert "make web</code> builds the UI" in answer.text
        assert TOKEN not in answer.text
        assert client.get("/api/pulse/jobs").status_code == 200


def test_an_address_that_is_none_shows_people_the_page(fresh: App, built: Path) -> None:
    with serving(fresh) as (_, client):
        for path in ("/nowhere", "/jobs/JB_1/nothing"):
            answer = client.get(path, headers=BROWSER)
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("text/html")
            assert client.get(path).headers["content-type"] == "application/json"
        for path in ("/api/nowhere", "/assets/none.js", "/api/pulse/jobs/JB_1", "/jobs/JB_1/logs"):
            answer = client.get(path, headers=BROWSER)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", True),
        ("/jobs", True),
        ("/jobs/JB_1", True),
        ("/search", True),
        ("/x", True),
        ("/api", False),
        ("/api/pulse/jobs", False),
        ("/jobs/JB_1/logs", False),
        ("/healthz", False),
        ("/readyz", False),
        ("/openapi.json", False),
        ("/assets/app.js", False),
        ("/jobs/JB_1/", True),
        ("//jobs//JB_1//logs/", False),
        ("//api/pulse/jobs", False),
        ("/metrics/", False),
        ("///openapi.json//", False),
        ("/executions/PX_1/logs//", False),
    ],
)
def test_what_is_a_page(path: str, page: bool) -> None:
    assert pages.is_page(path) is page
    assert pages.is_public(path) is (page or path in ("/healthz", "/assets/app.js"))


def test_every_described_route_holds_data(client: httpx2.Client) -> None:
    described: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    assert [path for path in described if pages.is_page(path)] == []
