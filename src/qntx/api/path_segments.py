"""A slash inside of a name: %2F in a path, which a decoded path cannot tell from a divider."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.types import ASGIApp, Receive, Scope, Send

#: Names that may hold anything: paths and URLs are usual ids of tasks.
_NAMED = re.compile(rb"/api/pulse/tasks/([^/]+)/logs")
_KEY = "qntx.name"


class Segments:
    """Gives the router a path without the slashes of a name; :func:`named` gives the name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        found = _NAMED.fullmatch(scope.get("raw_path") or b"")
        name = unquote_to_bytes(found[1]).decode("utf-8", "replace") if found else ""
        if "/" in name:
            scope[_KEY] = name  # type: ignore[literal-required]
            scope["path"] = f"/api/pulse/tasks/{name.replace('/', '_')}/logs"
        await self._app(scope, receive, send)


def named(request: Request[Any, Any, Any], segment: str) -> str:
    """The name that *segment* of the path stands for."""
    return str(request.scope.get(_KEY, segment))
