"""The web UI's files, and which paths are its pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import PathParameter
from litestar.utils import normalize_path

from qntx.api.security.hosts import AllowedHosts
from qntx.api.security.request import header
from qntx.api.security.tokens import Token
from qntx.errors import NotFound

HTML = "text/html"
IMMUTABLE = "public, max-age=31536000, immutable"
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".txt": "text/plain",
}
PAGES = (
    "/",
    "/jobs",
    "/jobs/{id:str}",
    "/search",
    "/schedules",
    "/schedules/{id:str}",
    "/executions",
    "/executions/{id:str}",
    "/system",
    "/settings",
)
NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>QNTX Pulse</title>
<h1>QNTX Pulse is running</h1>
<p>Its web UI is not built in this checkout: <code>make web</code> builds the UI.
The same data is served as JSON under <a href="/api/pulse/jobs">/api/pulse/jobs</a>,
described in <a href="/openapi.json">/openapi.json</a>.</p>
</html>
"""
_DATA = re.compile(
    r"/(api|assets)(/|$)|/(jobs|executions)/[^/]*/logs$|/(healthz|readyz|metrics|openapi\.json)$"
)


def is_page(path: str) -> bool:
    """
    Whether *path* is answered with a page for people, which holds no data of its own.

    It is judged as the router reads it, for whom ``//api/`` and ``/jobs/JB_1/logs/`` are the same
    as without the slashes.
    """
    return _DATA.match(normalize_path(path)) is None


def is_public(path: str) -> bool:
    """Whether *path* holds nothing that needs a token: pages, their files, the sign of life."""
    path = normalize_path(path)
    return path == "/healthz" or path.startswith("/assets/") or is_page(path)


@dataclass(frozen=True)
class Asset:
    """A file of the built UI."""

    content: bytes
    media_type: str


class WebFiles:
    """The built UI in *folder*, read into memory, and again when it was built anew."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(__file__).parents[1] / "web"
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._index: bytes | None = None
        self._assets: dict[str, Asset] = {}

    def index(self) -> bytes | None:
        """The page, or None while the UI is not built."""
        self._refresh()
        return self._index

    def asset(self, name: str) -> Asset:
        """The asset of that name; raises NotFound. Only names seen in the folder are known."""
        self._refresh()
        found = self._assets.get(name)
        if found is None:
            raise NotFound(f"the UI has no file {name[:80]!r} - reload the page")
        return found

    def _refresh(self) -> None:
        try:
            stamp = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return
        with self._lock:
            self._assets = self._read_assets() if stamp is not None else {}
            self._index = (self._folder / "index.html").read_bytes() if stamp is not None else None
            self._stamp = stamp

    def _read_assets(self) -> dict[str, Asset]:
        folder = self._folder / "assets"
        files = [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        return {
            path.name: Asset(path.read_bytes(), TYPES[path.suffix])
            for path in files
            if path.suffix in TYPES
        }


class Pages:
    """
    Serves the UI's page; with the token in it when *token* is given and the Host is ours.

    *contributed* are the paths of pages of applications.
    """

    def __init__(
        self,
        files: WebFiles,
        allowed: AllowedHosts,
        token: Token | None,
        contributed: Sequence[str] = (),
    ) -> None:
        self._paths = [*PAGES, *contributed]
        self._files = files
        self._allowed = allowed
        self._token = token

    def shell(self, request: Request[Any, Any, Any], status: int = 200) -> Response[bytes]:
        """The page that shows whatever its address says."""
        page = self._files.index()
        if page is None:
            page = NOT_BUILT
        elif self._token is not None and self._allowed.allows(header(request.scope, b"host")):
            meta = f'<head>\n    <meta name="qntx-token" content="{self._token.value}" />'
            page = page.replace(b"<head>", meta.encode(), 1)
        return Response(page, media_type=HTML, status_code=status)

    def fallback(self, request: Request[Any, Any, Any]) -> Response[bytes] | None:
        """The page for an address that does not exist, if a person opened it."""
        wants_page = "text/html" in request.headers.get("accept", "")
        if request.method != "GET" or not wants_page or not is_page(request.url.path):
            return None
        return self.shell(request, 404)

    def routes(self) -> list[Any]:
        """The routes of the UI."""
        shell, files = self.shell, self._files

        @get(self._paths, sync_to_thread=False, include_in_schema=False, media_type=HTML)
        def page(request: Request[Any, Any, Any]) -> Response[bytes]:
            return shell(request)

        @get("/assets/{name:str}", sync_to_thread=False, include_in_schema=False)
        def asset(name: Annotated[str, PathParameter()]) -> Response[bytes]:
            found = files.asset(name)
            return Response(
                found.content, media_type=found.media_type, headers={"Cache-Control": IMMUTABLE}
            )

        return [page, asset]
