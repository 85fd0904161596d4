"""Logging a browser in and out."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.params import JSONBody

from qntx.api.context import Server
from qntx.api.problems import TooManyFailures, Unauthorized, documented


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What proves who one is: the token, or the code of ``qntx token login-url``."""

    token: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    code: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None


class LoggedIn(msgspec.Struct, frozen=True):
    """Whether the browser is logged in now."""

    logged_in: bool


@post(
    "/api/pulse/login",
    sync_to_thread=True,
    status_code=200,
    tags=["login"],
    summary="Log a browser in",
    responses=documented(429),
)
def login(
    request: Request[Any, Any, Any], server: Server, data: JSONBody[Login]
) -> Response[LoggedIn]:
    """
    A cookie (HttpOnly, SameSite=Strict, 30 days) in return for the token or a one-time code.

    401 when neither is right; 429 after 20 wrong ones a minute.
    """
    sessions = server.sessions
    right = (data.token is not None and sessions.is_token(data.token)) or (
        data.code is not None and sessions.use_code(data.code)
    )
    if not right:
        if sessions.failures.too_many():
            raise TooManyFailures("too many wrong tokens or codes - wait a minute")
        raise Unauthorized(
            "that is not the token, or the code is used or older than a minute - qntx token show "
            "prints the token, qntx token login-url makes a new code"
        )
    secure = request.headers.get("origin", "").startswith("https://")
    return Response(LoggedIn(True), headers={"Set-Cookie": sessions.set_cookie(secure=secure)})


@post(
    "/api/pulse/logout",
    sync_to_thread=True,
    status_code=200,
    tags=["login"],
    summary="Log a browser out",
    responses=documented(),
)
def logout(server: Server) -> Response[LoggedIn]:
    """Drops the cookie; rotating the token (qntx token rotate) ends every login."""
    return Response(LoggedIn(False), headers={"Set-Cookie": server.sessions.drop_cookie()})


ROUTES = [login, logout]
