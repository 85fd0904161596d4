"""What the guards read from a request."""

from __future__ import annotations

from litestar.types import Scope


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header; None when it is missing or there more than once."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[0] if len(found) == 1 else None


def repeated(scope: Scope, name: bytes) -> bool:
    """Whether a header is there more than once."""
    return sum(key.lower() == name for key, _ in scope["headers"]) > 1


def safe(scope: Scope) -> bool:
    """Whether the request's method changes nothing."""
    return scope.get("method") in ("GET", "HEAD", "OPTIONS")
