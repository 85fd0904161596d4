"""What the API says of itself: the document at /openapi.json."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, get
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ControllerRouterHandler

_DESCRIPTION = """
Everything that jobs said, as JSON. Times are RFC 3339 in UTC with microseconds, ids are opaque.
A request that changes something needs the header `Authorization: Bearer <token>` (`qntx token`
prints it). HEAD is answered wherever GET is. Errors have one shape:
`{"error": {"code", "message", "details", "request_id"}}`.
"""


def describe(
    routes: Sequence[ControllerRouterHandler], dependencies: dict[str, Provide]
) -> dict[str, Any]:
    """
    What OpenAPI 3.1 has to say of *routes*.

    It is of an application of its own, which serves nobody: the one that does would have the
    description below a path of the framework's, with the framework's errors.
    """
    described = Litestar(
        routes,
        dependencies=dependencies,
        openapi_config=OpenAPIConfig(
            title="QNTX Pulse",
            version=version("qntx-pulse"),
            description=_DESCRIPTION.strip(),
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )
    return described.openapi_schema.to_schema()


@get("/openapi.json", sync_to_thread=False, include_in_schema=False)
def document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The description of this API (OpenAPI 3.1)."""
    schema: dict[str, Any] = request.app.state.described()
    return schema
