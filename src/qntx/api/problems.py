"""The one shape of every error that the API answers with."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap, Scope, Send

from qntx.errors import (
    BadInput,
    Conflict,
    NotFound,
    QntxError,
    StoreMisuse,
    StoreUnavailable,
)

LOG = logging.getLogger("qntx.api")
REQUEST_ID = "qntx.request_id"
RETRY_AFTER_S = 1


class TooSlow(QntxError):
    """A request's body did not come to its end."""

    code = "too_slow"


class Unauthorized(QntxError):
    """Who asks did not prove who they are."""

    code = "unauthorized"


class TooManyFailures(QntxError):
    """Wrong tokens or codes came too often."""

    code = "too_many_requests"


_STATUS: tuple[tuple[type[QntxError], int], ...] = (
    (BadInput, 400),
    (NotFound, 404),
    (Conflict, 409),
    (StoreMisuse, 500),
    (StoreUnavailable, 503),
    (TooSlow, 408),
    (Unauthorized, 401),
    (TooManyFailures, 429),
)
_CODES = {
    400: "bad_input",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "url_too_long",
    415: "unsupported_media_type",
    429: "too_many_requests",
    503: "unavailable",
}


class ProblemDetail(msgspec.Struct, frozen=True):
    """What went wrong: a stable code, and one sentence with the next step."""

    code: str
    message: str
    details: Any
    request_id: str


class Problem(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ProblemDetail


class TooLarge(QntxError):
    """A request's body is larger than the server takes."""

    code = "too_large"


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The error answers of a route, for its description."""
    meanings = {
        400: "A parameter or the body cannot be used.",
        401: "The token is missing or wrong.",
        403: "The Host is not allowed, or the request comes from another site.",
        404: "Unknown object.",
        409: "The object is not in a state that allows this.",
        413: "The body is too large.",
        414: "The URL is too long.",
        415: "The body is not declared as JSON.",
        429: "There were too many wrong tokens; try again after Retry-After seconds.",
        431: "The headers are too large.",
        503: "The database cannot be used right now; try again after Retry-After seconds.",
    }
    always = (400, 401, 403, 414, 431, 503)
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=meanings[status])
        for status in sorted({*statuses, *always})
    }


def request_id_of(scope: Any) -> str:
    """The id of the request, made on first use."""
    found = scope.get(REQUEST_ID)
    if found is None:
        found = scope[REQUEST_ID] = secrets.token_hex(8)
    return str(found)


def body_of(scope: Any, code: str, message: str, details: Any = None) -> bytes:
    """The JSON of an error."""
    problem = Problem(ProblemDetail(code, message, details, request_id_of(scope)))
    return msgspec.json.encode(problem)


async def refuse(
    scope: Scope,
    send: Send,
    status: int,
    code: str,
    message: str,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Answer with an error from outside of the framework."""
    body = body_of(scope, code, message)
    base = (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    )
    await send({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    message: str,
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    return Response(
        body_of(request.scope, code, message, details),
        status_code=status,
        media_type="application/json",
        headers=headers or {},
    )


def _ours(request: Request[Any, Any, Any], error: QntxError) -> Response[bytes]:
    if isinstance(error, TooLarge):
        return _answer(request, 413, error.code, error.message)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status == 500:
        return _unexpected(request, error)
    retry = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    if isinstance(error, StoreUnavailable) and error.__cause__ is not None:
        LOG.error("request %s: %r", request_id_of(request.scope), error.__cause__)
    return _answer(request, status, error.code, error.message, headers=retry)


def _framework(
    fallback: Callable[[Request[Any, Any, Any]], Response[bytes] | None],
    request: Request[Any, Any, Any],
    error: HTTPException,
) -> Response[bytes]:
    status = error.status_code
    if status >= 500:
        return _unexpected(request, error)
    if status == 404 and (page := fallback(request)) is not None:
        return page
    details = error.extra if isinstance(error.extra, list | dict) and error.extra else None
    # What GET answers, HEAD does, too.
    headers = {
        k: v.replace("GET", "GET, HEAD")
        for k, v in (error.headers or {}).items()
        if k.lower() == "allow"
    }
    code = _CODES.get(status, "bad_input")
    return _answer(request, status, code, _sentence(request, status, error), details, headers)


def _sentence(request: Request[Any, Any, Any], status: int, error: HTTPException) -> str:
    """One sentence with the next step, for an error that the framework found."""
    path = request.url.path[:200]
    if status == 404:
        return f"nothing is at {path} - /openapi.json lists the addresses"
    if status == 405:
        return f"{request.method[:20]} is not possible at {path} - see /openapi.json"
    found = error.extra if isinstance(error.extra, list) else []
    faults = [
        f"{item.get('key', 'the request')}: {item.get('message')}"
        for item in found
        if isinstance(item, dict)
    ]
    if faults == ["data: 'data'"]:
        return f"the body is missing - send JSON, as /openapi.json describes it for {path}"
    if not faults and request.method == "POST":
        return f"the body is no JSON ({error.detail[:300]}) - send JSON, see /openapi.json"
    if faults:
        return f"the request cannot be used: {'; '.join(faults)[:500]} - see /openapi.json"
    return f"the request cannot be used ({error.detail[:300]}) - see /openapi.json"


def _no_text(request: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[bytes]:
    """A body that is not UTF-8; anywhere else such an error is none of the request's."""
    if request.method == "GET":
        return _unexpected(request, error)
    return _answer(request, 400, "bad_input", "the body is no JSON: it is not UTF-8 - encode it so")


def _too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[bytes]:
    del error
    return _answer(
        request, 400, "bad_input", "the JSON of the body is nested too deeply - make it flatter"
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    report(request.scope, error)
    return _answer(request, 500, "internal", internal_message(request.scope))


def internal_message(scope: Any) -> str:
    """What is said of an error that nobody expected: nothing but where to look it up."""
    return (
        "the server failed to answer this request - its own output says why, under "
        f"{request_id_of(scope)}"
    )


def report(scope: Any, error: BaseException) -> None:
    """Say on the server's own output what failed."""
    LOG.error(
        "request %s failed: %s %s",
        request_id_of(scope),
        scope.get("method"),
        scope.get("path"),
        exc_info=error,
    )


def handlers(
    fallback: Callable[[Request[Any, Any, Any]], Response[bytes] | None],
) -> ExceptionHandlersMap:
    """What answers each kind of error; *fallback* may give a page where nothing was found."""

    def framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        return _framework(fallback, request, error)

    return {
        QntxError: _ours,
        HTTPException: framework,
        RecursionError: _too_deep,
        UnicodeDecodeError: _no_text,
        Exception: _unexpected,
    }
