"""Fetch a job description over HTTP: every hop guarded, every byte and second counted."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

import httpcore2
import msgspec

from qntx.clock import monotonic_s
from qntx.errors import FetchError
from qntx.net.guard import Deadline, Guard, PinnedBackend, Resolver, system_resolver
from qntx.net.urls import WebUrl, follow, parse
from qntx_recruiting.decoding import BodyDecoder, too_large
from qntx_recruiting.media import check_type
from qntx_recruiting.settings import FetchSettings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What a response may take on the wire beside its body: status line, headers, chunk sizes.
_HEAD_ALLOWANCE_BYTES = 1 << 20
#: What the site is told: a product token that robots.txt can name, and who to talk to.
PRODUCT = "qntx"
_ADVICE = {
    401: "it needs a login; download it with a browser and give the file",
    403: "the site refuses; download it with a browser and give the file",
    404: "the page does not exist; check the address or whether the vacancy is still open",
    410: "the vacancy was taken down",
    429: "the site asks to slow down; try again later",
}


class Unreachable(FetchError):
    """The site did not answer at all, or not in time."""


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
    The body behind *address*, following redirects.

    No cookies, credentials or proxies of the environment are ever used. *check* is called between
    chunks and may raise to stop the fetch.

    Raises FetchError: one sentence with the address and the next step.
    """
    started_s = monotonic_s()
    deadline = Deadline(settings.timeout_s)
    guard = Guard(settings.allow_hosts, resolver)
    url, visited = parse(address), list[WebUrl]()
    while True:
        try:
            outcome = _hop(url, guard, deadline, settings, check)
        except httpcore2.TimeoutException:
            _timed_out(url, settings)
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
            detail = str(error).strip() or type(error).__name__
            raise Unreachable(
                f"cannot fetch {url}: the connection failed ({detail}) - check the address "
                "and whether the site answers in a browser"
            ) from error
        if isinstance(outcome, Fetched):
            return msgspec.structs.replace(
                outcome,
                redirects=[str(hop) for hop in visited],
                duration_ms=round((monotonic_s() - started_s) * 1000),
            )
        visited.append(url)
        _check_chain(address, outcome, visited, settings.max_redirects)
        url = outcome


def _hop(
    url: WebUrl,
    guard: Guard,
    deadline: Deadline,
    settings: FetchSettings,
    check: Callable[[], None],
) -> Fetched | WebUrl:
    """One request: the body, or where a redirect leads."""
    backend = PinnedBackend(guard.vet(url, deadline), deadline, settings.connect_timeout_s)
    request = httpcore2.Request(
        "GET",
        httpcore2.URL(
            scheme=url.scheme.encode(),
            host=url.host.encode(),
            port=url.port,
            target=url.target.encode(),
        ),
        headers=[
            (b"Host", url.authority.encode()),
            (b"User-Agent", user_agent(settings.contact).encode("ascii", "ignore")),
            (b"Accept", b"text/html, text/plain, application/pdf, */*;q=0.5"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"Connection", b"close"),
        ],
    )
    with httpcore2.ConnectionPool(
        ssl_context=_tls() if url.scheme == "https" else None, network_backend=backend
    ) as pool:
        response = pool.handle_request(request)
        try:
            return _receive(url, response, backend, settings, check)
        finally:
            response.close()


def _receive(
    url: WebUrl,
    response: httpcore2.Response,
    backend: PinnedBackend,
    settings: FetchSettings,
    check: Callable[[], None],
) -> Fetched | WebUrl:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }
    if response.status in _REDIRECTS and headers.get("location"):
        return follow(url, headers["location"])  # the body of a redirect is never read
    if response.status != 200:
        advice = _ADVICE.get(response.status, "try again later or check the address")
        raise BadStatus(
            f"cannot fetch {url}: the site answered {response.status} - {advice}",
            response.status,
            headers.get("retry-after", ""),
        )
    content_type = headers.get("content-type", "")
    check_type(str(url), content_type)
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > settings.max_bytes:
        raise too_large(str(url), settings.max_bytes)
    decoder = BodyDecoder(str(url), headers.get("content-encoding", ""), settings.max_bytes)
    for chunk in response.iter_stream():
        check()
        decoder.feed(chunk)
        if backend.received > settings.max_bytes + _HEAD_ALLOWANCE_BYTES:
            raise too_large(str(url), settings.max_bytes)
    body = decoder.finish()
    if not body.strip():
        raise EmptyPage(f"cannot use {url}: the page is empty - check the address")
    return Fetched(str(url), [], content_type, body, backend.received, 0)


def _check_chain(address: str, target: WebUrl, visited: list[WebUrl], limit: int) -> None:
    if target in visited:
        raise FetchError(f"cannot fetch {address}: it redirects in a circle at {target}")
    if len(visited) > limit:
        raise FetchError(f"cannot fetch {address}: more than {limit} redirects - give the last one")


def _timed_out(url: WebUrl, settings: FetchSettings) -> NoReturn:
    raise Unreachable(
        f"cannot fetch {url}: it took too long (limits: {settings.connect_timeout_s:g} s to "
        f"connect, {settings.timeout_s:g} s in total) - try again later or raise fetch.timeout_s"
    ) from None


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


@functools.cache
def user_agent(contact: str) -> str:
    """How qntx names itself to sites: ``qntx/0.1.0 (reads job descriptions; +https://…)``."""
    try:
        release = f"/{version('qntx-pulse')}"
    except PackageNotFoundError:
        release = ""
    who = "".join(c for c in contact if c.isprintable() and c not in "()")
    return f"{PRODUCT}{release} (reads job descriptions{'; +' + who if who else ''})"
