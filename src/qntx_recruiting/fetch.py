"""Fetch a job description over HTTP, under the name by which sites know us."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import msgspec

from qntx.errors import FetchError
from qntx.net.client import Head, Request, send
from qntx.net.guard import Resolver, system_resolver
from qntx_recruiting.media import check_type
from qntx_recruiting.settings import FetchSettings

#: What the site is told: a product token that robots.txt can name, and who to talk to.
PRODUCT = "qntx"
_ADVICE = {
    401: "it needs a login; download it with a browser and give the file",
    403: "the site refuses; download it with a browser and give the file",
    404: "the page does not exist; check the address or whether the vacancy is still open",
    410: "the vacancy was taken down",
    429: "the site asks to slow down; try again later",
}


class EmptyPage(FetchError):
    """The site answered with nothing."""


class BadStatus(FetchError):
    """The site answered with another *status* than 200; *retry_after* is the header, if any."""

    def __init__(self, message: str, status: int, retry_after: str) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Fetched(msgspec.Struct, frozen=True):
    """One fetched body, decoded; *url* is where it came from after *redirects*."""

    url: str
    redirects: list[str]
    content_type: str
    body: bytes
    wire_bytes: int
    duration_ms: int


def fetch(
    address: str,
    settings: FetchSettings,
    *,
    resolver: Resolver = system_resolver,
    check: Callable[[], None] = lambda: None,
) -> Fetched:
    """
    The body behind *address*, following redirects; *check* is called between chunks, as `send` has.

    Raises FetchError: one sentence with the address and the next step.
    """
    request = Request(
        address=address,
        headers={
            "User-Agent": user_agent(settings.contact),
            "Accept": "text/html, text/plain, application/pdf, */*;q=0.5",
            "Accept-Encoding": "gzip, deflate",
        },
    )
    answer = send(request, settings, judge=_is_readable, check=check, resolver=resolver)
    if not answer.body.strip():
        raise EmptyPage(f"cannot use {answer.head.url}: the page is empty - check the address")
    return Fetched(
        url=answer.head.url,
        redirects=answer.redirects,
        content_type=answer.head.headers.get("content-type", ""),
        body=answer.body,
        wire_bytes=answer.wire_bytes,
        duration_ms=answer.duration_ms,
    )


def _is_readable(head: Head) -> bool:
    if head.status != 200:
        advice = _ADVICE.get(head.status, "try again later or check the address")
        raise BadStatus(
            f"cannot fetch {head.url}: the site answered {head.status} - {advice}",
            head.status,
            head.headers.get("retry-after", ""),
        )
    check_type(head.url, head.headers.get("content-type", ""))
    return True


@functools.cache
def user_agent(contact: str) -> str:
    """How qntx names itself to sites: ``qntx/0.1.0 (reads job descriptions; +https://…)``."""
    try:
        release = f"/{version('qntx-pulse')}"
    except PackageNotFoundError:
        release = ""
    who = "".join(c for c in contact if c.isprintable() and c not in "()")
    return f"{PRODUCT}{release} (reads job descriptions{'; +' + who if who else ''})"
