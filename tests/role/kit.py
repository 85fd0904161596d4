"""What the tests of recruiting share: a scripted HTTP server, a recording emitter, a context."""

from __future__ import annotations

import importlib.util
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from qntx.config import FetchSettings, Settings
from qntx_recruiting.wiring import PORTS

EXAMPLES = Path(__file__).parents[2] / "examples"
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


class Recorder:
    """An emitter that remembers (stage, task, level, message, metadata) of everything said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str | None, str | None, str, str, dict[str, Any]]] = []
        self.failed: list[str] = []
        self.tokens: list[str] = []
        self._stage: str | None = None
        self._task: str | None = None

    def debug(self, message: str, /, **metadata: Any) -> None:
        self._add("debug", message, metadata)

    def info(self, message: str, /, **metadata: Any) -> None:
        self._add("info", message, metadata)

    def warn(self, message: str, /, **metadata: Any) -> None:
        self._add("warn", message, metadata)

    def progress(self, done: int, total: int | None = None) -> None:
        self._add("progress", f"{done}/{total}", {})

    def emit_candidate_match(
        self, candidate_id: str, score: float, qualified: bool, reasoning: str, metadata: Any = None
    ) -> None:
        self._add("match", reasoning, {"candidate_id": candidate_id, "score": score})

    def broadcast_llm_stream(self, task_id: str | None, content: str, **_: Any) -> None:
        self.tokens.append(content)

    @contextmanager
    def stage(self, stage: str, message: str | None = None, /, **metadata: Any) -> Iterator[None]:
        self._stage = stage
        if message is not None:
            self.info(message, **metadata)
        try:
            yield
        except BaseException:
            self.failed.append(stage)
            raise
        finally:
            self._stage = None

    @contextmanager
    def task(self, task_id: str, /, name: str | None = None) -> Iterator[None]:
        self._task = task_id
        try:
            yield
        finally:
            self._task = None

    def stages(self) -> list[str]:
        """The stages that spoke, in order."""
        return list(dict.fromkeys(line[0] for line in self.lines if line[0]))

    def messages(self, level: str, stage: str | None = None) -> list[str]:
        return [m for s, _, lv, m, _ in self.lines if lv == level and stage in (None, s)]

    def _add(self, level: str, message: str, metadata: dict[str, Any]) -> None:
        self.lines.append((self._stage, self._task, level, message, metadata))


class FakeContext:
    """A job context over the real ports of *settings*."""

    def __init__(self, settings: Settings, job_id: str = "JB_1", state: Any = None) -> None:
        self.settings = settings
        self.job_id = job_id
        self.attempt = 1 if state is None else 2
        self.state = state
        self.emit = Recorder()
        self.checkpoints: list[Any] = []
        self.slept: list[float] = []
        self.spawned: list[dict[str, Any]] = []
        self.before_check: Callable[[], None] = lambda: None
        self._adapters: dict[type, Any] = {}

    def check(self) -> None:
        self.before_check()

    def sleep(self, seconds: float) -> None:
        """Passes no time: a test asks what would be waited for."""
        self.slept.append(seconds)
        self.check()

    def spawn(self, handler_name: str, payload: Any = None, **options: Any) -> str:
        self.spawned.append({"handler_name": handler_name, "payload": payload, **options})
        return f"JB_child-{len(self.spawned)}"

    def checkpoint(self, state: Any) -> None:
        self.checkpoints.append(state)

    def get(self, port: type) -> Any:
        if port not in self._adapters:
            self._adapters[port] = PORTS[port](self.settings)
        return self._adapters[port]

    def close(self) -> None:
        for adapter in self._adapters.values():
            adapter.close()


def example_module(name: str) -> ModuleType:
    """A script of the examples folder as a module."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
