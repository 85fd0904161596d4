"""The guards in their order, around everything the server answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litestar.types import ASGIApp

from qntx.api.security.access import AccessGuard, Mode
from qntx.api.security.headers import SecurityHeaders
from qntx.api.security.hosts import AllowedHosts, HostGuard
from qntx.api.security.limits import RequestLimits
from qntx.api.security.origins import OriginGuard
from qntx.api.security.sessions import Sessions


@dataclass(frozen=True)
class Guards:
    """Which guards are at work; only tests switch one off, to see what the others do alone."""

    headers: bool = True
    limits: bool = True
    hosts: bool = True
    origins: bool = True
    access: bool = True


@dataclass(frozen=True)
class Policy:
    """What the guards go by; *is_page* and *is_public* judge paths."""

    allowed: AllowedHosts
    sessions: Sessions
    mode: Mode
    is_page: Callable[[str], bool]
    is_public: Callable[[str], bool]


def guarded(app: ASGIApp, policy: Policy, guards: Guards) -> ASGIApp:
    """*app* behind the guards; the first to see a request is the one that adds headers."""
    if guards.access:
        app = AccessGuard(
            app, policy.sessions, policy.mode, policy.allowed, policy.is_page, policy.is_public
        )
    if guards.origins:
        app = OriginGuard(app, policy.allowed, policy.is_page)
    if guards.hosts:
        app = HostGuard(app, policy.allowed)
    if guards.limits:
        app = RequestLimits(app)
    return SecurityHeaders(app, enabled=guards.headers)
