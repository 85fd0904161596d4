"""An HTTP server whose every byte a test decides."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qntx_recruiting.settings import FetchSettings

Reply = Callable[[socket.socket], None]


class ScriptedServer:
    """
    A TCP server on loopback that answers each path with bytes of the test's choosing.

    A reply that wants to be slow waits on :attr:`stopping`, so that the end of the test ends it.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.replies: dict[str, Reply | bytes] = {}
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self._socket = socket.create_server((host, port))
        self.host, self.port = self._socket.getsockname()[:2]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def hostport(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.hostport}{path}"

    def settings(self, **changes: Any) -> FetchSettings:
        """Fetch settings that allow this server."""
        return FetchSettings(**{"allow_hosts": [self.hostport], "timeout_s": 10.0, **changes})

    def close(self) -> None:
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        if self._tls is not None:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    chunk = connection.recv(65536)
                    if not chunk:
                        return
                    head += chunk
                self.requests.append(self._with_body(head, connection).decode("utf-8", "replace"))
                reply = self.replies.get(head.split(b" ")[1].decode(), response(b"", status=404))
                if isinstance(reply, bytes):
                    connection.sendall(reply)
                else:
                    reply(connection)
            except OSError:
                return  # the client has gone, which is what many of the tests are about

    def _with_body(self, received: bytes, connection: socket.socket) -> bytes:
        """The whole request, so that closing the connection resets nothing."""
        head, _, body = received.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


def response(body: bytes, *, status: int = 200, kind: str = "text/html", **headers: str) -> bytes:
    """A whole HTTP response."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302, body: bytes = b"") -> bytes:
    """A redirect."""
    return response(body, status=status, Location=location)


@contextmanager
def scripted(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    server = ScriptedServer(host, port, tls)
    try:
        yield server
    finally:
        server.close()
