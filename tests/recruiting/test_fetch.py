"""Fetching against real servers: limits, redirects, refusals, and what is said about them."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import httpcore2
import pytest

from qntx.errors import FetchError, JobCancelled
from qntx.net.guard import Deadline, Guard, PinnedBackend
from qntx.net.urls import parse
from qntx_recruiting.fetch import fetch
from qntx_recruiting.settings import FetchSettings
from tests.support.scripted_http import ScriptedServer, redirect, response, scripted

PAGE = b"<html><body><h1>Data Engineer</h1></body></html>"


def refused(url: str, settings: FetchSettings | None = None, **names: list[str]) -> str:
    """The sentence with which *url* is refused; *names* are what the resolver knows."""

    def resolver(host: str, port: int) -> list[str]:
        if host not in names:
            raise OSError("unknown host")
        return names[host]

    with pytest.raises(FetchError) as error:
        fetch(url, settings or FetchSettings(), resolver=resolver)
    return str(error.value)


def test_a_page_is_fetched(server: ScriptedServer) -> None:
    server.replies["/jobs/1?x=ü"] = b""
    server.replies["/jobs/1?x=%C3%BC"] = response(PAGE, kind="text/html; charset=utf-8")
    page = fetch(server.url("/jobs/1?x=ü"), server.settings())
    assert page.body == PAGE
    assert page.url == server.url("/jobs/1?x=%C3%BC")
    assert page.content_type == "text/html; charset=utf-8"
    assert page.wire_bytes > len(PAGE)
    assert page.redirects == []
    head = server.requests[0]
    assert f"Host: {server.hostport}" in head
    assert "Cookie" not in head
    assert "Authorization" not in head


def test_redirects_are_followed_without_cookies_and_credentials(server: ScriptedServer) -> None:
    for status, path in ((301, "/a"), (302, "/b"), (303, "/c"), (307, "/d"), (308, "/e")):
        server.replies[path] = redirect(chr(ord(path[1]) + 1), status).replace(
            b"Content-Type", b"Set-Cookie: session=1\r\nContent-Type"
        )
    server.replies["/f"] = response(PAGE)
    page = fetch(server.url("/a"), server.settings())
    assert page.url == server.url("/f")
    assert page.redirects == [server.url(f"/{name}") for name in "abcde"]
    assert all("Cookie" not in request for request in server.requests)


def test_too_many_redirects_and_circles(server: ScriptedServer) -> None:
    for number in range(9):
        server.replies[f"/{number}"] = redirect(f"/{number + 1}")
    assert "more than 5 redirects" in refused(server.url("/0"), server.settings())
    server.replies["/a"], server.replies["/b"] = redirect("/b"), redirect("/a")
    assert "redirects in a circle" in refused(server.url("/a"), server.settings())


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.5/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://inner.test/",
        "http://2130706433/",
        "file:///etc/passwd",
        "http://user:pw@example.com/",
        "http://127.0.0.1:1/",
    ],
)
def test_a_redirect_to_a_private_place_is_refused(server: ScriptedServer, target: str) -> None:
    server.replies["/"] = redirect(target)
    message = refused(server.url(), server.settings(), **{"inner.test": ["10.0.0.7"]})
    assert "refused" in message or "cannot fetch" in message
    assert len(server.requests) == 1


def test_a_redirect_never_reaches_a_server_that_is_not_allowed(server: ScriptedServer) -> None:
    with scripted() as canary:
        server.replies["/"] = redirect(canary.url())
        refused(server.url(), server.settings())
        assert canary.requests == []


def test_the_body_of_a_redirect_is_never_read(server: ScriptedServer) -> None:
    sent = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /page\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x" * 65536)
        finally:
            sent.set()

    server.replies["/"] = endless
    server.replies["/page"] = response(PAGE)
    page = fetch(server.url(), server.settings())
    assert page.body == PAGE
    assert sent.wait(60)  # the connection was dropped, not drained


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["93.184.216.34", "::1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%eth0"],
    ],
)
def test_one_private_address_refuses_the_host(addresses: list[str]) -> None:
    message = refused("http://rebind.test/", **{"rebind.test": addresses})
    assert "rebind.test is " in message
    assert "add 'rebind.test:80' to the setting fetch.allow_hosts" in message


def test_a_name_that_flips_is_connected_where_it_was_checked(server: ScriptedServer) -> None:
    server.replies["/"] = response(PAGE)
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])
    settings = server.settings(allow_hosts=[f"flip.test:{server.port}"])
    with scripted("127.0.0.2", server.port) as canary:
        url = f"http://flip.test:{server.port}/"
        page = fetch(url, settings, resolver=lambda host, port: next(answers))
        assert page.body == PAGE
        assert canary.requests == []
    assert f"Host: flip.test:{server.port}" in server.requests[0]


def test_a_name_is_judged_again_on_every_hop(server: ScriptedServer) -> None:
    server.replies["/"] = redirect("http://flip.test/")
    answers = iter([["10.0.0.1"], ["93.184.216.34"]])
    with pytest.raises(FetchError, match=r"10\.0\.0\.1, which is not a public address"):
        fetch(server.url(), server.settings(), resolver=lambda host, port: next(answers))


def test_the_backend_connects_to_nothing_else() -> None:
    guard = Guard([], resolver=lambda host, port: ["93.184.216.34"])
    deadline = Deadline(5)
    backend = PinnedBackend(guard.vet(parse("http://a.test/"), deadline), deadline, 1)
    with pytest.raises(FetchError, match="it was not checked"):
        backend.connect_tcp("b.test", 80)


def test_no_name_leads_to_the_metadata_service_even_when_allowed() -> None:
    settings = FetchSettings(allow_hosts=["intern.test", "169.254.169.254"])
    assert "cloud metadata" in refused(
        "http://intern.test/", settings, **{"intern.test": ["169.254.169.254"]}
    )
    assert "no host name may lead there" in refused(
        "http://intern.test/", **{"intern.test": ["169.254.169.254"]}
    )
    vetted = Guard(settings.allow_hosts).vet(parse("http://169.254.169.254/"), Deadline(1))
    assert vetted.allowed_by_configuration


def test_ports_and_hosts_are_allowed_one_by_one() -> None:
    public = {"a.test": ["93.184.216.34"]}
    assert "port 8080 is not allowed" in refused("http://a.test:8080/", **public)
    assert "port 22 is not allowed" in refused(
        "http://a.test:22/", FetchSettings(allow_hosts=["a.test", "a.test:8080"]), **public
    )
    guard = Guard(["127.0.0.1:8123"])
    assert guard.vet(parse("http://127.0.0.1:8123/"), Deadline(1)).allowed_by_configuration
    for other in ("http://127.0.0.1:8124/", "http://127.0.0.1/", "http://localhost:8123/"):
        with pytest.raises(FetchError):
            guard.vet(parse(other), Deadline(1))


def test_an_unknown_host() -> None:
    assert "the host nowhere.test is not known - check the spelling" in refused(
        "http://nowhere.test/"
    )


def test_a_resolver_that_hangs_is_given_up(server: ScriptedServer) -> None:
    def hang(host: str, port: int) -> list[str]:
        server.stopping.wait(100)
        return ["127.0.0.1"]

    started = time.monotonic()
    with pytest.raises(FetchError, match="took too long"):
        fetch("http://slow.test/", FetchSettings(timeout_s=0.2), resolver=hang)
    assert time.monotonic() - started < 50


def test_proxies_of_the_environment_are_ignored(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replies["/"] = response(PAGE)
    with scripted() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert fetch(server.url(), server.settings()).body == PAGE
        assert proxy.requests == []


def test_nobody_listens(server: ScriptedServer) -> None:
    with scripted() as gone:
        url, settings = gone.url(), gone.settings()
    assert "the connection failed" in refused(url, settings)


def test_this_machine_under_a_public_looking_address(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the deny list out of the way the equal ends of the connection still give it away.
    monkeypatch.setattr("qntx.net.guard.refusal", lambda address: None)
    settings = server.settings(allow_hosts=[])
    monkeypatch.setattr("qntx.net.guard.ORDINARY_PORTS", frozenset({server.port}))
    assert "127.0.0.1 is this machine itself" in refused(server.url(), settings)
    assert server.requests == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (response(b"", status=404), "answered 404 - the page does not exist"),
        (response(b"", status=401), "answered 401 - it needs a login"),
        (response(b"", status=403), "answered 403 - the site refuses"),
        (response(b"", status=429), "answered 429 - the site asks to slow down"),
        (response(b"", status=500), "answered 500 - try again later"),
        (response(b"", status=204), "answered 204"),
        (response(b"", status=302), "answered 302"),
        (response(b"\x89PNG", kind="image/png"), "it is image/png, not a web page"),
        (response(b"{}", kind="application/json"), "it is application/json, not a web page"),
        (response(b""), "the page is empty"),
        (response(b" \n\t "), "the page is empty"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the connection failed"),
        (b"", "the connection failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", "the connection failed"),
        (response(PAGE, Content_Encoding="br"), "it is encoded as 'br'"),
        (response(PAGE, Content_Encoding="gzip, gzip, gzip"), "it is encoded as"),
        (response(PAGE, Content_Encoding="gzip"), "its compressed body is damaged"),
        (response(gzip.compress(PAGE, mtime=0)[:-9], Content_Encoding="gzip"), "ended early"),
    ],
)
def test_bad_answers(server: ScriptedServer, reply: bytes, said: str) -> None:
    server.replies["/"] = reply
    message = refused(server.url(), server.settings())
    assert said in message
    assert server.url() in message
    assert message.count("\n") == 0


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(PAGE, mtime=0), "gzip"),
        (gzip.compress(PAGE, mtime=0), "X-GZip"),
        (zlib.compress(PAGE), "deflate"),
        (zlib.compress(PAGE, wbits=-15), "deflate"),
        (gzip.compress(zlib.compress(PAGE), mtime=0), "deflate, gzip"),
        (PAGE, "identity"),
    ],
)
def test_compressed_bodies(server: ScriptedServer, body: bytes, encoding: str) -> None:
    server.replies["/"] = response(body, Content_Encoding=encoding)
    assert fetch(server.url(), server.settings()).body == PAGE


def test_a_page_that_announces_30_megabytes_is_not_read(server: ScriptedServer) -> None:
    def big(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n")
        server.stopping.wait(100)

    server.replies["/"] = big
    assert "larger than 10,000,000 bytes" in refused(server.url(), server.settings())


def test_30_megabytes_without_an_announcement(server: ScriptedServer) -> None:
    def big(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        for _ in range(30):
            connection.sendall(b"x" * 1_000_000)

    server.replies["/"] = big
    assert "larger than 10,000,000 bytes" in refused(server.url(), server.settings())


def endless_chunks(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Pad: " + b"x" * 1000 + b"\r\n")


def endless_chunk_extensions(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1;" + b"x" * 1000 + b"\r\nx\r\n")


@pytest.mark.parametrize("reply", [endless_chunks, endless_headers, endless_chunk_extensions])
def test_endless_answers(server: ScriptedServer, reply: Callable[[socket.socket], None]) -> None:
    server.replies["/"] = reply
    refused(server.url(), server.settings(max_bytes=500_000))


def bomb(size: int, times: int = 1) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(engine.compress(b"\0" * 1_000_000) for _ in range(size // 1_000_000))
    data += engine.flush()
    for _ in range(times - 1):
        data = gzip.compress(data, mtime=0)
    return data


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_decompression_bombs(server: ScriptedServer, encoding: str) -> None:
    body = bomb(100_000_000, encoding.count("gzip"))
    server.replies["/"] = response(body, Content_Encoding=encoding)
    settings = server.settings(max_bytes=1_000_000_000)
    assert "decompression bomb" in refused(server.url(), settings)


def test_a_bomb_in_the_body_of_a_redirect(server: ScriptedServer) -> None:
    server.replies["/"] = response(
        bomb(50_000_000), status=302, Location="/page", Content_Encoding="gzip"
    )
    server.replies["/page"] = response(PAGE)
    assert fetch(server.url(), server.settings()).body == PAGE


@pytest.mark.parametrize("where", ["before the head", "in the head", "in the body"])
def test_slow_servers_are_given_up_in_time(server: ScriptedServer, where: str) -> None:
    def drip(connection: socket.socket) -> None:
        if where == "in the head":
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        elif where == "in the body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while not server.stopping.wait(0.02):
            if where != "before the head":
                connection.sendall(b"x")

    server.replies["/"] = drip
    message = refused(server.url(), server.settings(timeout_s=0.4))
    assert "took too long" in message
    assert "raise fetch.timeout_s" in message


def test_a_job_that_is_cancelled_stops_fetching(server: ScriptedServer) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx")
        server.stopping.wait(100)

    def cancelled() -> None:
        raise JobCancelled("stop")

    server.replies["/"] = drip
    with pytest.raises(JobCancelled):
        fetch(server.url(), server.settings(), check=cancelled)


CERTIFICATE = Path(__file__).with_name("tls-test-only.pem")


def test_the_certificate_is_checked_against_the_name_not_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection goes to the address that was checked, and TLS still speaks of the name."""
    names: list[str | None] = []
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)
    tls.sni_callback = lambda connection, name, context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    with scripted(tls=tls) as server:
        server.replies["/"] = response(PAGE)
        hosts = ("jobs.example.test", "other.example.test")
        settings = server.settings(allow_hosts=[f"{host}:{server.port}" for host in hosts])

        def get(host: str) -> bytes:
            url = f"https://{host}:{server.port}/"
            return fetch(url, settings, resolver=lambda *_: ["127.0.0.1"]).body

        with pytest.raises(FetchError, match="certificate verify failed"):
            get(hosts[0])
        monkeypatch.setattr("qntx.net.client._tls", lambda: trusting)
        assert get(hosts[0]) == PAGE
        with pytest.raises(FetchError, match="Hostname mismatch"):
            get(hosts[1])
    assert names == [hosts[0], hosts[0], hosts[1]]


def test_the_deadline() -> None:
    with pytest.raises(httpcore2.ReadTimeout):
        Deadline(-1).remaining_s()
