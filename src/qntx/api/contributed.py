"""Routes and pages that installed applications contribute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from litestar import get

from qntx.api.context import Server
from qntx.api.problems import documented
from qntx.application import Application, Page
from qntx.errors import BadInput


class PageView(msgspec.Struct, frozen=True):
    """A place of the web UI's navigation, and the application that contributes it."""

    path: str
    title: str
    application: str


class PageList(msgspec.Struct, frozen=True):
    """Places that applications contribute, in the order in which they are shown."""

    pages: list[PageView]
    count: int


@get(
    "/api/pulse/pages",
    sync_to_thread=False,
    operation_id="list_pages",
    tags=["system"],
    summary="Pages of applications",
    responses=documented(),
)
def list_pages(server: Server) -> PageList:
    """What the navigation of the web UI has beside the runtime's own pages."""
    pages = [
        PageView(page.path, page.title, application.name)
        for application in server.app.applications
        for page in application.pages
    ]
    return PageList(pages, len(pages))


def routes(applications: Iterable[Application]) -> list[Any]:
    """
    The routes of *applications*, for the API.

    Raises BadInput for one outside ``/api/``: only what lies below is guarded as data is.
    """
    found = []
    for application in applications:
        for code in application.routes:
            for route in application.load(code):
                _check(application, route)
                found.append(route)
    return found


def paths(applications: Iterable[Application]) -> list[str]:
    """The paths at which the web UI's page is served for *applications*."""
    pages: Sequence[Page] = [page for one in applications for page in one.pages]
    found = [path for page in pages for path in (page.path, *page.below)]
    return [path for path in found if not path.startswith("/api/")]


def _check(application: Application, route: Any) -> None:
    for path in getattr(route, "paths", ()):
        if not f"/{path}".replace("//", "/").startswith("/api/"):
            raise BadInput(
                f"the application {application.name!r} has a route {path!r} - "
                "give it a path below /api/, where requests are checked"
            )


ROUTES = [list_pages]
