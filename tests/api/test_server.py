"""Starting and stopping, in a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from qntx.api.security import header_timeout
from qntx.api.server import Server
from qntx.app import App
from qntx.errors import BadInput
from tests.support.api_server import TOKEN, serving

SCRIPT = """
import sys, threading
from qntx.app import App

app = App(home=sys.argv[1])
app.handler("nothing")(lambda ctx, payload: None)
app.enqueue("nothing")
busy = threading.Event()
helper = threading.Thread(target=busy.wait)
helper.start()
app.serve(port=0, workers=0, ready=lambda url: print(url, flush=True))
busy.set()
helper.join()
print("stopped in good order", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_and_returns_to_the_caller(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "home")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            with httpx2.Client(base_url=url, timeout=20) as client:
                job = client.get("/api/pulse/jobs").json()["jobs"][0]["id"]
                with client.stream("GET", f"/api/pulse/jobs/{job}/events") as answer:
                    lines = answer.iter_lines()
                    assert next(lines) == "retry: 1000"
                    process.send_signal(number)
                    assert "event: end" not in list(lines)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out, err) == (0, "stopped in good order\n", "")
        finally:
            process.kill()


def test_an_address_in_use_is_said(fresh: App) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=rf"port {port}.*--port"):
            Server(fresh, "127.0.0.1", port)


def test_ipv6(fresh: App) -> None:
    server = Server(fresh, "::1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.url == f"http://[::1]:{server.port}"
        assert httpx2.get(f"{server.url}/healthz").json() == {"status": "ok"}
    finally:
        server.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_small_answers_do_not_wait(fresh: App) -> None:
    """A server without TCP_NODELAY answers each of these after 40 ms."""
    server = Server(fresh, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx2.Client(base_url=server.url) as client:
            took = []
            for _ in range(50):
                began = time.monotonic()
                client.get("/healthz")
                took.append(time.monotonic() - began)
            assert min(took) < 0.03
    finally:
        server.stop()
        thread.join(10)


def test_those_who_do_not_say_what_they_want_are_closed(
    fresh: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand connections with half a request would otherwise stay for ever."""
    monkeypatch.setattr(header_timeout, "HEAD_S", 0.5)
    with serving(fresh) as (server, client):
        address = ("127.0.0.1", server.port)
        silent, begun, second = (socket.create_connection(address, timeout=20) for _ in range(3))
        begun.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        whole = f"GET /healthz HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
        second.sendall(whole)
        assert second.recv(4_096).startswith(b"HTTP/1.1 200")
        second.sendall(whole[:10])
        for one in (silent, begun, second):
            rest = b""
            while data := one.recv(4_096):
                rest += data
            assert b" 200 " not in rest
            one.close()
        assert client.get("/healthz").status_code == 200


def test_a_body_that_stops_is_not_waited_for(fresh: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_timeout, "BODY_S", 0.3)
    with (
        serving(fresh) as (server, client),
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow,
    ):
        head = (
            f"POST /api/pulse/jobs HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{"
        )
        slow.sendall(head.encode())
        answer = slow.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 408"), answer
        assert client.get("/healthz").status_code == 200


def test_a_server_with_many_idle_connections_answers(fresh: App) -> None:
    with serving(fresh) as (server, client):
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
        for one in idle:
            one.sendall(b"GET / HTTP/1.1\r\n")
        assert client.get("/api/pulse/jobs").status_code == 200
        for one in idle:
            one.close()
