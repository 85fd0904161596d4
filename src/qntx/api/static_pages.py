"""Small pages that the server brings itself, whether or not the web UI is built."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Annotated

from litestar import Response, get
from litestar.params import PathParameter

from qntx.errors import NotFound

_TYPES = {
    "docs.html": "text/html",
    "docs.js": "text/javascript",
    "plain.css": "text/css",
    "login.html": "text/html",
    "login.js": "text/javascript",
}


@functools.cache
def _file(name: str) -> bytes:
    return (files("qntx.api") / "static" / name).read_bytes()


def page(name: str) -> Response[bytes]:
    """The answer with one of the files."""
    return Response(_file(name), media_type=_TYPES[name])


@get("/docs", sync_to_thread=False, include_in_schema=False)
def docs() -> Response[bytes]:
    """What the API offers, to read and search."""
    return page("docs.html")


@get("/login", sync_to_thread=False, include_in_schema=False)
def login_page() -> Response[bytes]:
    """Where a person gives the token."""
    return page("login.html")


@get("/static/{name:str}", sync_to_thread=False, include_in_schema=False)
def static_file(name: Annotated[str, PathParameter()]) -> Response[bytes]:
    """A file of these pages."""
    if name not in _TYPES:
        raise NotFound(f"unknown file {name[:80]!r} - reload the page")
    return page(name)


ROUTES = [docs, login_page, static_file]
