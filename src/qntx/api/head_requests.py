"""HEAD: whatever answers GET answers it, with the same headers and no body."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from qntx.api.problems import request_id_of


class Heads:
    """Asks what is behind it by GET, and sends the beginning of the answer only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of one by HEAD, the answer ends with its headers."""
        if scope.get("method") != "HEAD":
            await self._app(scope, receive, send)
            return
        request_id_of(scope)  # before the copy: one id for what is said of the request
        asked: Any = {**scope, "method": "GET"}
        begun = asyncio.Event()

        async def sending(message: Message) -> None:
            if message["type"] != "http.response.start" or begun.is_set():
                return
            # Requests are counted by route, which only the router knows.
            scope["path_template"] = asked.get("path_template", "")
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            begun.set()

        answering = asyncio.ensure_future(self._app(asked, receive, sending))
        ended = asyncio.ensure_future(begun.wait())
        try:
            # A live stream has no end of its own.
            await asyncio.wait((answering, ended), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await answering
        finally:
            for task in (answering, ended):
                task.cancel()
            await asyncio.wait((answering, ended))
