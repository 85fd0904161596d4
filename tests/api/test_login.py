"""Logging in by browser, changing the token, and what each of it is worth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qntx.api.listening import check_bind
from qntx.api.security.sessions import CODE_S, new_code
from qntx.api.security.stack import Guards
from qntx.api.security.tokens import rotate, token_of
from qntx.api.server import Server
from qntx.app import App
from qntx.errors import BadInput
from tests.support.api_data import make_app
from tests.support.api_server import TOKEN, serving

OURS = {"Sec-Fetch-Site": "same-origin"}
JOB = {"handler_name": "rich"}


@pytest.fixture
def always(tmp_path: Path) -> Iterator[tuple[Server, httpx2.Client]]:
    with serving(make_app(tmp_path / "home", auth="always")) as found:
        yield found


def log_in(client: httpx2.Client, **proof: str) -> httpx2.Response:
    return client.post("/api/pulse/login", json=proof, headers=OURS)


def test_the_token_gives_a_cookie_that_opens_everything(
    always: tuple[Server, httpx2.Client],
) -> None:
    server, client = always
    assert client.get("/api/pulse/jobs").status_code == 401
    answer = log_in(client, token=TOKEN)
    assert (answer.status_code, answer.json()) == (200, {"logged_in": True})
    cookie = answer.headers["set-cookie"]
    assert re.match(rf"qntx_session_{server.port}=[^;]{{60,}}; Path=/; Max-Age=2592000;", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/api/pulse/jobs").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.post("/api/pulse/jobs", json=JOB, headers=OURS).status_code == 201
    assert client.post("/api/pulse/logout", headers=OURS).json() == {"logged_in": False}
    assert client.get("/api/pulse/jobs").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Sec-Fetch-Site": "same-site"}, 401),
        ({"Origin": "null"}, 401),
        ({"Origin": "http://evil.example"}, 401),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://localhost:{port}"}, 201),
    ],
)
def test_a_cookie_changes_nothing_for_another_site_even_alone(
    fresh: App, headers: dict[str, str], status: int
) -> None:
    """Without the guard of origins, whose work this is as well."""
    with serving(fresh, guards=Guards(origins=False)) as (server, client):
        log_in(client, token=TOKEN)
        filled = {name: value.format(port=server.port) for name, value in headers.items()}
        assert client.post("/api/pulse/jobs", json=JOB, headers=filled).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"),
        lambda value: str(int(value.split(".")[0]) + 1) + value[value.index(".") :],
        lambda value: "1" + value[value.index(".") :],
        lambda value: value.rpartition(".")[0],
        lambda value: "",
        lambda value: "." * 5,
        lambda value: "9" * 5_000 + ".a.b",
        lambda value: "é.a.b",
        lambda value: TOKEN,
    ],
)
def test_a_cookie_that_is_not_ours(always: tuple[Server, httpx2.Client], change: Any) -> None:
    server, client = always
    log_in(client, token=TOKEN)
    name = f"qntx_session_{server.port}"
    forged = f"{name}={change(client.cookies[name])}".encode("latin-1")
    client.cookies.clear()
    sent: Any = [(b"Cookie", forged)]
    assert client.get("/api/pulse/jobs", headers=sent).status_code == 401


def test_a_code_works_once_and_not_for_long(always: tuple[Server, httpx2.Client]) -> None:
    server, client = always
    home = server.api.state.server.app.settings.home
    code, late = new_code(home), new_code(home)
    assert [path.stat().st_mode & 0o777 for path in (home / "logins").iterdir()] == [0o600] * 2
    assert not any(code in path.name for path in (home / "logins").iterdir())
    assert log_in(client, code=code).status_code == 200
    client.cookies.clear()
    assert log_in(client, code=code).status_code == 401
    for path in (home / "logins").iterdir():
        os.utime(path, (time.time() - CODE_S - 1,) * 2)
    assert log_in(client, code=late).status_code == 401
    for bad in ("", "../token", "x" * 1_000, "\x00", "é"):
        assert log_in(client, code=bad).status_code == 401
    assert (home / "logins").is_dir()


def test_guessing_at_the_login_is_slowed(always: tuple[Server, httpx2.Client]) -> None:
    _, client = always
    found = [log_in(client, token=f"guess {n}").status_code for n in range(25)]
    assert found == [401] * 20 + [429] * 5
    # Those of the header count together with them; the right one still works.
    wrong = client.get("/api/pulse/jobs", headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 429
    assert int(wrong.headers["retry-after"]) == 60
    assert log_in(client, token=TOKEN).status_code == 200


def test_a_person_is_led_to_the_login_and_a_program_is_not(
    always: tuple[Server, httpx2.Client],
) -> None:
    _, client = always
    html = {"Accept": "text/html,*/*"}
    answer = client.get("/jobs/JB_1?tab=logs", headers=html)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fjobs%2FJB_1%3Ftab%3Dlogs"
    for path in ("/login", "/static/login.js", "/static/plain.css"):
        assert client.get(path, headers=html).status_code == 200
    assert client.get("/api/pulse/jobs", headers=html).status_code == 401
    assert client.get("/jobs/JB_1").status_code == 200
    log_in(client, token=TOKEN)
    assert client.get("/jobs/JB_1", headers=html).status_code == 200


def test_rotating_ends_what_was(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home", auth="always")
    home = app.settings.home
    with serving(app, token=None) as (_, client):
        old = token_of(home)
        assert log_in(client, token=old).status_code == 200
        assert client.get("/api/pulse/jobs").status_code == 200
        new = rotate(home)
        assert new != old
        assert (home / "token").stat().st_mode & 0o777 == 0o600
        assert client.get("/api/pulse/jobs").status_code == 401
        for token, status in ((old, 401), (new, 200)):
            bearer = {"Authorization": f"Bearer {token}"}
            assert client.get("/api/pulse/jobs", headers=bearer).status_code == status
        assert [path.name for path in home.glob(".token-*")] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_listening_for_others_has_to_be_asked_for(host: str) -> None:
    with pytest.raises(BadInput, match="--allow-remote"):
        check_bind(host, 8820, False)
    check_bind(host, 8820, True)


def test_listening_on_loopback_needs_no_asking() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_bind(host, 8820, False)


def qntx(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qntx", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = qntx(home, "token").stdout
    assert re.fullmatch(r"[A-Za-z0-9_\-]{43}\n", first)
    assert qntx(home, "token", "show").stdout == first
    rotated = qntx(home, "token", "rotate").stdout
    assert rotated != first
    assert qntx(home, "token").stdout == rotated
    url = qntx(home, "token", "login-url").stdout
    assert re.fullmatch(r"http://127\.0\.0\.1:8820/login#code=[A-Za-z0-9_\-]{32}\n", url)
    refused = qntx(home, "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 1
    assert "--allow-remote" in refused.stderr
    assert "Traceback" not in refused.stderr
