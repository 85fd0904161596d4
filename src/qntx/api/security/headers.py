"""Headers that every answer carries, errors included."""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from qntx.api.problems import internal_message, refuse, report, request_id_of

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'"
)
#: For what is downloaded: nothing in it may run, wherever it is opened.
SANDBOX = "sandbox; default-src 'none'"

ALWAYS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"cache-control": b"no-store",
    b"vary": b"Origin, Sec-Fetch-Site",
}


class SecurityHeaders:
    """Adds the headers that an answer does not set itself, and answers when all else fails."""

    def __init__(self, app: ASGIApp, *, enabled: bool = True) -> None:
        self._app = app
        self._headers = ALWAYS if enabled else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add(scope, message)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            report(scope, error)
            if not started:
                await refuse(scope, sending, 500, "internal", internal_message(scope))

    def _add(self, scope: Scope, message: Any) -> None:
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        present = {name for name, _ in headers}
        headers += [item for item in self._headers.items() if item[0] not in present]
        headers.append((b"x-request-id", request_id_of(scope).encode()))
        message["headers"] = headers
