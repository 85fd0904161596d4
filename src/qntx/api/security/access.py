"""Who may do what: the token, and which requests need it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Literal
from urllib.parse import quote

from litestar.types import ASGIApp, Receive, Scope, Send

from qntx.api.problems import refuse
from qntx.api.security.hosts import AllowedHosts
from qntx.api.security.request import header, safe
from qntx.api.security.sessions import FAILURES_WINDOW_S, Sessions
from qntx.api.security.tokens import token_of

__all__ = ["LOGIN", "AccessGuard", "Mode", "token_of"]

Mode = Literal["local", "always"]
#: The requests that nobody can be logged in for.
LOGIN = ("/api/pulse/login", "/api/pulse/logout")
LOGIN_PAGE = "/login"


class AccessGuard:
    """
    Asks for ``Authorization: Bearer <token>``, or the cookie of a login.

    Mode "local": for whatever changes something; "always": for everything that *is_public* does
    not name; a person who opens a page is led to the login first. Wrong tokens beyond 20 a minute
    are answered with 429; the right one always works.
    """

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions,
        mode: Mode,
        allowed: AllowedHosts,
        is_page: Callable[[str], bool],
        is_public: Callable[[str], bool],
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._mode = mode
        self._allowed = allowed
        self._is_page = is_page
        self._is_public = is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if not self._needs_token(scope) or self._may(scope):
            if self._should_log_in(scope):
                await _to_login(scope, send)
            else:
                await self._app(scope, receive, send)
        elif self._sessions.failures.too_many():
            await refuse(scope, send, 429, *TOO_MANY)
        else:
            await refuse(
                scope,
                send,
                401,
                "unauthorized",
                "this needs the header Authorization: Bearer <token> - qntx token prints it "
                "(a browser can log in at /login)",
                ((b"www-authenticate", b'Bearer realm="qntx"'),),
            )

    def _needs_token(self, scope: Scope) -> bool:
        if scope["path"] in LOGIN:
            return False
        if self._mode == "local":
            return not safe(scope)
        return not (safe(scope) and self._is_public(scope["path"]))

    def _may(self, scope: Scope) -> bool:
        return self._has_token(scope) or self._has_session(scope)

    def _has_token(self, scope: Scope) -> bool:
        given = header(scope, b"authorization") or b""
        return hmac.compare_digest(given, b"Bearer " + self._sessions.token.value.encode())

    def _has_session(self, scope: Scope) -> bool:
        """A cookie, which browsers send by themselves: who asks must be one of our own pages."""
        if not safe(scope):
            origin = header(scope, b"origin")
            ours = header(scope, b"sec-fetch-site") in (b"same-origin", b"none")
            if not (ours or (origin is not None and self._allowed.allows_origin(origin))):
                return False
        return self._sessions.has_session(scope)

    def _should_log_in(self, scope: Scope) -> bool:
        """Whether a person opens a page that would show nothing without a login."""
        path = scope["path"]
        return (
            self._mode == "always"
            and scope.get("method") == "GET"
            and b"text/html" in (header(scope, b"accept") or b"")
            and self._is_page(path)
            and path != LOGIN_PAGE
            and not path.startswith("/static/")
            and not self._may(scope)
        )


TOO_MANY = (
    "too_many_requests",
    "too many requests with a wrong token - wait a minute",
    ((b"retry-after", str(int(FAILURES_WINDOW_S)).encode()),),
)


async def _to_login(scope: Scope, send: Send) -> None:
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
    await send(
        {
            "type": "http.response.start",
            "status": 303,
            "headers": [
                (b"location", f"{LOGIN_PAGE}?next={wanted}".encode()),
                (b"content-length", b"0"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})
