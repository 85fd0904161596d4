"""How large a request may be, and in what form a body may come."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar.types import ASGIApp, Receive, Scope, Send

from qntx.api.problems import TooLarge, TooSlow, refuse
from qntx.api.security import header_timeout
from qntx.api.security.request import header, safe

MAX_URL_BYTES = 8 << 10
MAX_HEADER_BYTES = 16 << 10
MAX_BODY_BYTES = 1 << 20


class RequestLimits:
    """Refuses what is too large, and bodies that are no JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        fault = _fault(scope)
        if fault is not None:
            await refuse(scope, send, *fault)
            return
        taken, whole = 0, False

        async def counting() -> Any:
            nonlocal taken, whole
            message: Any = await (receive() if whole else _in_time(receive))
            if message["type"] == "http.request":
                whole = not message.get("more_body", False)
                taken += len(message.get("body", b""))
                if taken > MAX_BODY_BYTES:
                    raise TooLarge(_TOO_LARGE)
            return message

        await self._app(scope, counting, send)


async def _in_time(receive: Receive) -> Any:
    """The next piece of a body; raises TooSlow."""
    try:
        async with asyncio.timeout(header_timeout.BODY_S):
            return await receive()
    except TimeoutError:
        raise TooSlow(
            f"the body stopped for {header_timeout.BODY_S:g} s before its end - send it at once"
        ) from None


_TOO_LARGE = f"a request's body may have {MAX_BODY_BYTES:,} bytes - send less"


def _fault(scope: Scope) -> tuple[int, str, str] | None:
    raw = scope.get("raw_path") or scope["path"].encode()
    if len(raw) + len(scope.get("query_string", b"")) + 1 > MAX_URL_BYTES:
        return 414, "url_too_long", f"a URL may have {MAX_URL_BYTES:,} bytes - shorten the query"
    if not scope["path"].startswith("/"):
        return 400, "bad_input", "the request names no path - ask for one that begins with /"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        return 431, "headers_too_large", f"headers may have {MAX_HEADER_BYTES:,} bytes - send fewer"
    length = header(scope, b"content-length") or b"0"
    if not length.isdigit() or int(length[:20]) > MAX_BODY_BYTES:
        return 413, "too_large", _TOO_LARGE
    has_body = length != b"0" or header(scope, b"transfer-encoding") is not None
    if has_body and not safe(scope):
        kind = (header(scope, b"content-type") or b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            return 415, "unsupported_media_type", "send a body as Content-Type: application/json"
    return None
