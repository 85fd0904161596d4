"""The names under which this server may be asked: what stops DNS rebinding."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from litestar.types import ASGIApp, Receive, Scope, Send

from qntx.api.problems import refuse
from qntx.api.security.request import header

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound


class AllowedHosts:
    """
    The authorities ("name:port") that a Host or an Origin may name; compared exactly.

    *configured* are names ("name", or "name:port" behind a proxy) of the settings; *bound* is the
    address that the server listens on.
    """

    def __init__(self, port: int, configured: Iterable[str] = (), bound: str = "127.0.0.1") -> None:
        names = list(LOOPBACK_NAMES)
        if bound not in WILDCARDS:
            names.append(f"[{bound}]" if ":" in bound else bound)
        self._local = {f"{name.lower()}:{port}" for name in names}
        if port == 80:
            self._local.update(name.lower() for name in names)
        self._configured: set[str] = set()
        for name in configured:
            name = name.strip().lower()
            self._configured.add(name)
            if not _has_port(name):
                self._configured.add(f"{name}:{port}")

    def allows(self, authority: bytes | None) -> bool:
        """Whether a Host header of this value may be served."""
        if not authority:
            return False
        name = authority.decode("latin-1").lower()
        return name in self._local or name in self._configured

    def allows_origin(self, origin: bytes) -> bool:
        """Whether a page of *origin* ("scheme://authority") is one of this server's."""
        scheme, _, authority = origin.decode("latin-1").lower().partition("://")
        if scheme == "http":
            return authority in self._local or authority in self._configured
        return scheme == "https" and authority in self._configured


class HostGuard:
    """Serves no request whose Host is missing, repeated, or none of ours."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if self._allowed.allows(header(scope, b"host")):
            await self._app(scope, receive, send)
            return
        await refuse(
            scope,
            send,
            403,
            "host_not_allowed",
            "this server is not to be reached under that name - use localhost, or add the name "
            "to the setting server.allowed_hosts",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on *host*."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _has_port(name: str) -> bool:
    return "]:" in name or (name.count(":") == 1 and not name.endswith(":"))
