"""Each guard before the routes: that it refuses what it should, alone, and everywhere."""

from __future__ import annotations

import re
import socket
from typing import Any

import httpx2
import pytest

from qntx.api.security.hosts import AllowedHosts, is_loopback
from qntx.api.security.stack import Guards
from qntx.api.server import Server
from qntx.app import App
from tests.support.api_data import Data, make_app
from tests.support.api_server import TOKEN, serving

AUTH = {"Authorization": f"Bearer {TOKEN}"}
OFF = {"headers": False, "limits": False, "hosts": False, "origins": False, "access": False}
PAGES = [
    "/",
    "/jobs/JB_1",
    "/search",
    "/assets/none.js",
    "/openapi.json",
    "/nowhere",
    "/docs",
    "/login",
    "/static/docs.js",
]
HOSTS = [
    "evil.com",
    "evil.com:{port}",
    "localhost.evil.com:{port}",
    "127.0.0.1.nip.io:{port}",
    "localhost",
    "localhost:80",
    "localhost:{port}0",
    "localhost.:{port}",
    "LOCALHOST.:{port}",
    "127.0.0.1:{port}@evil",
    "user@localhost:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0.0.0.0:{port}",
    "127.0.0.2:{port}",
    "[::]:{port}",
    "::1:{port}",
    "localhost:{port}, evil.com",
    "localhost :{port}",
    "xn--localhost:{port}",
    "http://localhost:{port}",
    "localhost:{port}/",
    "localhost:{port}#",
    "",
    "*",
    "null",
    "10.0.0.1:{port}",
    "192.168.1.1:{port}",
    "localhost%00:{port}",
    "localhost:+{port}",
]


def routes(client: httpx2.Client) -> list[tuple[str, str]]:
    """(method, path) of every route that is described, with an id that could exist."""
    described = client.get("/openapi.json").json()["paths"]
    found = []
    for path, item in described.items():
        for name in ("job_id", "task_id", "jd_id"):
            path = path.replace("{" + name + "}", "JB_1")
        path = path.replace("{attempt}", "1").replace("{seq}", "1")
        found += [(method.upper(), path) for method in item if method in ("get", "post", "delete")]
    assert len(found) > 15
    return found


def raw(server: Server, request: str) -> bytes:
    """The beginning of the answer to *request* as it is."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(request.format(port=server.port).encode("latin-1"))
        return connection.recv(200)


# -- Host ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", HOSTS)
def test_no_route_answers_to_another_name(client: httpx2.Client, server: Server, host: str) -> None:
    name = host.format(port=server.port)
    for path in ("/api/pulse/jobs", "/", "/healthz"):
        answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n")
        assert answer.split(b" ")[1] in (b"403", b"400"), answer


def test_every_route_asks_for_the_name(client: httpx2.Client, server: Server) -> None:
    for method, path in [*routes(client), *(("GET", path) for path in PAGES)]:
        answer = client.request(method, path, headers=AUTH | {"Host": f"evil.com:{server.port}"})
        assert answer.status_code == 403, (method, path)
        assert answer.json()["error"]["code"] == "host_not_allowed"


def test_names_that_are_ours(client: httpx2.Client, server: Server) -> None:
    for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
        answer = client.get("/healthz", headers={"Host": f"{name}:{server.port}"})
        assert answer.status_code == 200, name
    forwarded = {"X-Forwarded-Host": "evil.com", "Host": "evil.com"}
    assert client.get("/healthz", headers=forwarded).status_code == 403


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /api/pulse/jobs HTTP/1.0\r\n\r\n",
        "GET /api/pulse/jobs HTTP/1.1\r\n\r\n",
        "GET /api/pulse/jobs HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.com\r\n\r\n",
        "GET /api/pulse/jobs HTTP/1.1\r\nHost: localhost:{port}\r\nHost: localhost:{port}\r\n\r\n",
        "GET http://evil.com/api/pulse/jobs HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n",
    ],
)
def test_requests_with_no_clear_name(server: Server, request_text: str) -> None:
    assert raw(server, request_text).split(b" ")[1] in (b"400", b"403")


def test_configured_names() -> None:
    allowed = AllowedHosts(8820, ["Pulse.Example.com", "proxy.example:443"], "192.168.7.1")
    assert allowed.allows(b"pulse.example.com")
    assert allowed.allows(b"pulse.example.com:8820")
    assert allowed.allows(b"proxy.example:443")
    assert allowed.allows(b"192.168.7.1:8820")
    assert not allowed.allows(b"proxy.example:8820")
    assert not allowed.allows(b"pulse.example.com:81")
    assert not allowed.allows(b"192.168.7.1")
    assert allowed.allows_origin(b"https://pulse.example.com")
    assert allowed.allows_origin(b"http://localhost:8820")
    assert not allowed.allows_origin(b"https://localhost:8820")
    assert AllowedHosts(80).allows(b"localhost")
    assert not AllowedHosts(8820, (), "0.0.0.0").allows(b"0.0.0.0:8820")


def test_what_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))


# -- other sites ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:{port}.evil.com"},
        {"Origin": "https://localhost:{port}"},
        {"Origin": "http://evil-localhost:{port}"},
        {"Origin": "http://localhost:{port}/"},
        {"Origin": "file://"},
        {"Origin": "http://127.0.0.1:{port}@evil.com"},
        {"Origin": "http://localhost:1{port}"},
        {"Origin": "HTTP://LOCALHOST:{port}%60.evil.com"},
        {"Origin": "chrome-extension://abc"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "SAME-ORIGIN"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:{port}"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.com"},
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    ],
)
def test_no_route_of_data_answers_another_site(
    client: httpx2.Client, server: Server, headers: dict[str, str]
) -> None:
    filled = {name: value.format(port=server.port) for name, value in headers.items()}
    for method, path in routes(client):
        answer = client.request(method, path, headers=AUTH | filled)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["error"]["code"] == "cross_site"
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}"},
        {"Origin": "http://[::1]:{port}", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_our_own_pages_and_programs_are_answered(
    client: httpx2.Client, server: Server, headers: dict[str, str]
) -> None:
    filled = {name: value.format(port=server.port) for name, value in headers.items()}
    assert client.get("/api/pulse/jobs", headers=filled).status_code == 200


def test_a_link_on_another_site_opens_a_page_but_no_frame(client: httpx2.Client) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for path in ("/", "/jobs/JB_1", "/search"):
        assert client.get(path, headers=link | {"Sec-Fetch-Dest": "document"}).status_code == 200
        assert client.get(path, headers=link | {"Sec-Fetch-Dest": "iframe"}).status_code == 403
        assert client.post(path, headers=link | {"Sec-Fetch-Dest": "document"}).status_code == 403


# -- token ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN.upper()}",
        "Bearer " + "x" * 8_000,
        "Bearer \xff",
    ],
)
def test_writes_need_the_token(fresh: App, authorization: str | None) -> None:
    headers = [("Content-Type", "application/json")]
    if authorization is not None:
        headers.append(("Authorization", authorization))
    with serving(fresh) as (_, client):
        sent: Any = [(name, value.encode("latin-1")) for name, value in headers]
        answer = client.post("/api/pulse/jobs", headers=sent, content=b'{"handler_name": "said"}')
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text
    assert sum(fresh.store.jobs.counts().values()) == 0


def test_always_needs_the_token_for_everything_but_pages(tmp_path: Any) -> None:
    app = make_app(tmp_path / "home", auth="always")
    with serving(app) as (_, client):
        description = client.get("/openapi.json", headers=AUTH).json()["paths"]
        assert "/api/pulse/jobs" in description
        for path in (
            "/openapi.json",
            "/api/pulse/jobs",
            "/jobs/JB_1/logs",
            "/readyz",
            "/api/pulse/system",
            "/api/pulse/jobs/JB_1/events",
        ):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers=AUTH).status_code in (200, 404), path
        for path in ("/healthz", "/", "/jobs/JB_1"):
            assert client.get(path).status_code == 200
        assert "qntx-token" not in client.get("/").text
        assert client.get("/api/pulse/system", headers=AUTH).json()["auth"] == "always"


@pytest.mark.parametrize(
    "written",
    ["{}", "/{}", "{}/", "/{}//", "{}%2f", "/%2f{}"],
    ids=["none", "in front", "behind", "many", "encoded behind", "encoded in front"],
)
def test_slashes_lead_around_no_guard(tmp_path: Any, written: str) -> None:
    app = make_app(tmp_path / "home", auth="always")
    with serving(app) as (server, client):
        described = client.get("/openapi.json", headers=AUTH).json()["paths"]
        for path in ["/openapi.json", *(p for p in described if "get" in described[p])]:
            address = written.format(re.sub(r"{\w+}", "JB_1", path))
            answer = raw(server, f"GET {address} HTTP/1.1\r\nHost: localhost:{{port}}\r\n\r\n")
            expected = (b"200",) if path == "/healthz" else (b"401", b"429")
            assert answer.split(b" ")[1] in expected, (address, answer)


def test_an_address_that_others_reach_needs_the_token_always(fresh: App) -> None:
    with serving(fresh, "0.0.0.0") as (_, client):
        assert client.get("/api/pulse/jobs").status_code == 401
        assert client.get("/api/pulse/jobs", headers=AUTH).status_code == 200
        assert "qntx-token" not in client.get("/").text


def test_guessing_is_slowed_and_the_right_token_still_works(fresh: App) -> None:
    with serving(fresh) as (_, client):
        statuses = [client.post("/api/pulse/jobs").status_code for _ in range(25)]
        assert statuses == [401] * 20 + [429] * 5
        right = client.post("/api/pulse/jobs", headers=AUTH, json={"handler_name": "rich"})
        assert right.status_code == 201


def test_the_token_is_made_once_and_kept_from_others(fresh: App) -> None:
    path = fresh.settings.home / "token"
    with serving(fresh, token=None) as (_, client):
        token = path.read_text().strip()
        assert (path.stat().st_mode & 0o777, len(token)) == (0o600, 43)
        path.chmod(0o644)
        answer = client.post(
            "/api/pulse/jobs",
            json={"handler_name": "rich"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201
    with serving(fresh, token=None) as (_, client):
        assert f'<meta name="qntx-token" content="{token}" />' in client.get("/").text
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".token")] == []


# -- headers -------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(client: httpx2.Client, data: Data) -> None:
    described = [("GET", path) for method, path in routes(client) if method == "GET"]
    real = [("GET", path.replace("JB_1", data.jobs["rich"])) for _, path in described]
    bad = [("GET", "/api/pulse/jobs?limit=0"), ("DELETE", "/api/pulse/jobs"), ("GET", "/x.y")]
    pages = [("GET", path) for path in PAGES]
    for method, path in [*described, *real, *bad, *pages, ("POST", "/api/pulse/jobs")]:
        with client.stream(method, path) as answer:  # a live stream has no end
            headers = answer.headers
        policy = headers["content-security-policy"]
        if "logs.txt" in path or "logs.ndjson" in path or path.endswith("/message"):
            assert "default-src 'none'" in policy
        else:
            assert policy.startswith("default-src 'none'; script-src 'self'")
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["vary"] == "Origin, Sec-Fetch-Site"
        assert "server" not in headers
        assert not any(name.startswith("access-control") for name in headers)


# -- limits --------------------------------------------------------------------------------------


def test_requests_that_are_too_large(client: httpx2.Client, server: Server) -> None:
    json_type = AUTH | {"Content-Type": "application/json"}
    assert client.get("/api/pulse/jobs?handler=" + "x" * 8_200).status_code == 414
    assert client.get("/healthz", headers={"X-Large": "x" * 17_000}).status_code == 431
    large = b'{"handler_name": "said", "payload": "' + b"x" * (1 << 20) + b'"}'
    assert client.post("/api/pulse/jobs", content=large, headers=json_type).status_code == 413

    def pieces() -> Any:
        yield from (b"x" * 65_536 for _ in range(20))

    chunked = client.post("/api/pulse/jobs", content=pieces(), headers=json_type)
    assert chunked.status_code == 413
    assert chunked.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_bodies_in_the_forms_that_other_sites_can_send(
    client: httpx2.Client, kind: str | None
) -> None:
    headers = AUTH | ({"Content-Type": kind} if kind else {})
    answer = client.post("/api/pulse/jobs", content=b'{"handler_name": "said"}', headers=headers)
    assert answer.status_code == 415


# -- each alone ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guard", "request_kwargs", "status"),
    [
        ("hosts", {"headers": {"Host": "evil.com"}}, 403),
        ("origins", {"headers": {"Origin": "http://evil.com"}}, 403),
        ("origins", {"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ("limits", {"params": {"handler": "x" * 9_000}}, 414),
        ("access", {"method": "POST", "json": {"handler_name": "rich"}}, 401),
    ],
)
def test_each_guard_refuses_alone_and_nothing_else_does(
    fresh: App, guard: str, request_kwargs: dict[str, Any], status: int
) -> None:
    call = {"method": "GET", "url": "/api/pulse/jobs", **request_kwargs}
    with serving(fresh, guards=Guards(**(OFF | {guard: True}))) as (_, client):
        assert client.request(**call).status_code == status
    others = {name: True for name in OFF if name not in (guard, "headers")}
    with serving(fresh, guards=Guards(**(others | {guard: False}))) as (_, client):
        assert client.request(**call).status_code in (200, 201, 400)


def test_the_token_is_not_given_to_another_name_even_without_the_guard(fresh: App) -> None:
    with serving(fresh, guards=Guards(**OFF)) as (_, client):
        answer = client.get("/", headers={"Host": "evil.com"})
        assert answer.status_code == 200
        assert TOKEN not in answer.text
        assert "content-security-policy" not in answer.headers
