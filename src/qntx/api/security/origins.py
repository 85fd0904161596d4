"""Requests that another web site makes through the user's browser are refused, reads too."""

from __future__ import annotations

from collections.abc import Callable

from litestar.types import ASGIApp, Receive, Scope, Send

from qntx.api.problems import refuse
from qntx.api.security.hosts import AllowedHosts
from qntx.api.security.request import header, repeated

_OURS = (b"same-origin", b"none")


class OriginGuard:
    """
    Checks Origin and Sec-Fetch-Site, which only browsers send and pages cannot forge.

    A link on another site may open one of our pages (*is_page* of its path), as a whole page.
    """

    def __init__(self, app: ASGIApp, allowed: AllowedHosts, is_page: Callable[[str], bool]) -> None:
        self._app = app
        self._allowed = allowed
        self._is_page = is_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if self._is_ours(scope) or self._opens_a_page(scope):
            await self._app(scope, receive, send)
            return
        await refuse(
            scope,
            send,
            403,
            "cross_site",
            "the request comes from another site - open the address itself, or use the API "
            "from a program",
        )

    def _is_ours(self, scope: Scope) -> bool:
        if repeated(scope, b"origin") or repeated(scope, b"sec-fetch-site"):
            return False
        origin = header(scope, b"origin")
        if origin is not None and not self._allowed.allows_origin(origin):
            return False
        site = header(scope, b"sec-fetch-site")
        return site is None or site in _OURS

    def _opens_a_page(self, scope: Scope) -> bool:
        return (
            scope.get("method") == "GET"
            and header(scope, b"origin") is None
            and header(scope, b"sec-fetch-mode") == b"navigate"
            and header(scope, b"sec-fetch-dest") == b"document"
            and self._is_page(scope["path"])
        )
