"""One HTTP request to an address that somebody typed: guarded, limited, and read in small steps."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Mapping

import httpcore2
import msgspec

from qntx.clock import monotonic_s
from qntx.config import FetchSettings
from qntx.errors import FetchError
from qntx.net.decoding import BodyDecoder, too_large
from qntx.net.guard import Deadline, Guard, PinnedBackend, Resolver, system_resolver
from qntx.net.urls import WebUrl, follow, parse

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What a response may take on the wire beside its body: status line, headers, chunk sizes.
_HEAD_ALLOWANCE_BYTES = 1 << 20


class Unreachable(FetchError):
    """The site did not answer at all, or not in time; *detail* is what the network said."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class Head(msgspec.Struct, frozen=True):
    """What comes before a body; the names of *headers* are lower-case."""

    url: str
    status: int
    headers: dict[str, str]


class Answer(msgspec.Struct, frozen=True):
    """A head with its decoded body, after *redirects*; *wire_bytes* is what was transferred."""

    head: Head
    redirects: list[str]
    body: bytes
    wire_bytes: int
    duration_ms: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; no cookies, credentials or proxies of the environment are ever used."""

    address: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    content: bytes = b""


def wants_body(head: Head) -> bool:
    """What `send` asks unless it is told otherwise: every body is wanted."""
    del head
    return True


def send(
    request: Request,
    limits: FetchSettings,
    *,
    judge: Callable[[Head], bool] = wants_body,
    check: Callable[[], None] = lambda: None,
    resolver: Resolver = system_resolver,
) -> Answer:
    """
    The answer to *request*, within *limits*; redirects are followed for GET.

    Connects only to addresses that are public or named in ``limits.allow_hosts``, at every hop.
    *judge* is shown the head before the body: it may raise, and says whether the body is wanted.
    *check* is called between chunks and may raise.

    Raises FetchError (Unreachable for the network): one sentence with the address and the next
    step.
    """
    started_s = monotonic_s()
    deadline = Deadline(limits.timeout_s)
    hop = _Hop(request, limits, Guard(limits.allow_hosts, resolver), deadline, judge, check)
    url, visited = parse(request.address), list[WebUrl]()
    while True:
        try:
            outcome = hop.go(url)
        except httpcore2.TimeoutException:
            raise Unreachable(
                f"cannot fetch {url}: it took too long (limits: {limits.connect_timeout_s:g} s to "
                f"connect, {limits.timeout_s:g} s in total) - try again later or raise "
                "fetch.timeout_s",
                "it took too long",
            ) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
            detail = str(error).strip() or type(error).__name__
            raise Unreachable(
                f"cannot fetch {url}: the connection failed ({detail}) - check the address "
                "and whether the site answers in a browser",
                detail,
            ) from error
        if isinstance(outcome, Answer):
            return msgspec.structs.replace(
                outcome,
                redirects=[str(hop) for hop in visited],
                duration_ms=round((monotonic_s() - started_s) * 1000),
            )
        visited.append(url)
        _check_chain(request.address, outcome, visited, limits.max_redirects)
        url = outcome


class _Hop:
    """One request after the other, until no redirect leads further."""

    def __init__(
        self,
        request: Request,
        limits: FetchSettings,
        guard: Guard,
        deadline: Deadline,
        judge: Callable[[Head], bool],
        check: Callable[[], None],
    ) -> None:
        self._request = request
        self._limits = limits
        self._guard = guard
        self._deadline = deadline
        self._judge = judge
        self._check = check

    def go(self, url: WebUrl) -> Answer | WebUrl:
        """The answer of *url*, or where it leads."""
        vetted = self._guard.vet(url, self._deadline)
        backend = PinnedBackend(vetted, self._deadline, self._limits.connect_timeout_s)
        with httpcore2.ConnectionPool(
            ssl_context=_tls() if url.scheme == "https" else None, network_backend=backend
        ) as pool:
            response = pool.handle_request(self._to_be_sent(url))
            try:
                return self._receive(url, response, backend)
            finally:
                response.close()

    def _to_be_sent(self, url: WebUrl) -> httpcore2.Request:
        content = self._request.content
        headers = {"Host": url.authority, **self._request.headers, "Connection": "close"}
        if content:
            headers["Content-Length"] = str(len(content))
        return httpcore2.Request(
            self._request.method,
            httpcore2.URL(
                scheme=url.scheme.encode(),
                host=url.host.encode(),
                port=url.port,
                target=url.target.encode(),
            ),
            headers=[
                (name.encode("ascii", "ignore"), value.encode("ascii", "ignore"))
                for name, value in headers.items()
            ],
            content=content,
        )

    def _receive(
        self, url: WebUrl, response: httpcore2.Response, backend: PinnedBackend
    ) -> Answer | WebUrl:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }
        leads_on = response.status in _REDIRECTS and headers.get("location")
        if leads_on and self._request.method == "GET":
            return follow(url, headers["location"])  # the body of a redirect is never read
        head = Head(str(url), response.status, headers)
        body = b""
        if self._judge(head):
            body = self._body(head, response, backend)
        return Answer(head, [], body, backend.received, 0)

    def _body(self, head: Head, response: httpcore2.Response, backend: PinnedBackend) -> bytes:
        limit = self._limits.max_bytes
        declared = head.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            raise too_large(head.url, limit)
        decoder = BodyDecoder(head.url, head.headers.get("content-encoding", ""), limit)
        for chunk in response.iter_stream():
            self._check()
            decoder.feed(chunk)
            if backend.received > limit + _HEAD_ALLOWANCE_BYTES:
                raise too_large(head.url, limit)
        return decoder.finish()


def _check_chain(address: str, target: WebUrl, visited: list[WebUrl], limit: int) -> None:
    if target in visited:
        raise FetchError(f"cannot fetch {address}: it redirects in a circle at {target}")
    if len(visited) > limit:
        raise FetchError(f"cannot fetch {address}: more than {limit} redirects - give the last one")


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()
