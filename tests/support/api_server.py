"""The API on a free port, in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from qntx.api.security.stack import Guards
from qntx.api.server import Server
from qntx.app import App

TOKEN = "t" * 43


@contextmanager
def serving(
    app: App,
    host: str = "127.0.0.1",
    *,
    guards: Guards | None = None,
    workers: Any = None,
    token: str | None = TOKEN,
) -> Iterator[tuple[Server, httpx2.Client]]:
    """A running server for *app*, and a client for it; both end with the block."""
    server = Server(app, host, 0, guards=guards, workers=workers, token=token)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client:
            _answers(client)
            yield server, client
    finally:
        server.stop()
        thread.join(60)
        assert not thread.is_alive(), "the server did not stop"


def _answers(client: httpx2.Client) -> None:
    """The socket listens from the start; the first answer comes when the server is ready."""
    client.get("/healthz")


def walk(client: httpx2.Client, path: str, *, backward: bool = False, **query: Any) -> list[Any]:
    """All lines of *path*, page by page."""
    lines: list[Any] = []
    place: dict[str, Any] = {"before": str((1 << 32) - 1)} if backward else {}
    while True:
        answer = client.get(path, params={**query, **place})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        lines = page["logs"] + lines if backward else lines + page["logs"]
        cursor = page["prev_cursor" if backward else "next_cursor"]
        if cursor is None:
            return lines
        place = {"before" if backward else "after": cursor}
