"""The one guard of all fetching: it resolves, judges, and connects only to what it judged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpcore2
import msgspec

from qntx.clock import monotonic_s
from qntx.errors import FetchError
from qntx.net.addresses import is_metadata, refusal
from qntx.net.urls import WebUrl

Address = IPv4Address | IPv6Address
#: Turns (host, port) into addresses; raises OSError when the name does not resolve.
Resolver = Callable[[str, int], list[str]]
ORDINARY_PORTS = frozenset({80, 443})
#: A server that says nothing for so long is given up, whatever the total limit is.
IDLE_TIMEOUT_S = 10.0


def system_resolver(host: str, port: int) -> list[str]:
    """All A and AAAA addresses of *host*, by the operating system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Deadline:
    """The moment by which a whole fetch, redirects included, must be over."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._ends_s = monotonic_s() + timeout_s

    def remaining_s(self) -> float:
        """Seconds left; raises httpcore2.ReadTimeout when there are none."""
        left = self._ends_s - monotonic_s()
        if left <= 0:
            raise httpcore2.ReadTimeout("total time limit")
        return left


class Vetted(msgspec.Struct, frozen=True):
    """A host whose addresses were all judged acceptable."""

    url: WebUrl
    addresses: tuple[Address, ...]
    allowed_by_configuration: bool


class Guard:
    """Judges addresses by *allow_hosts* (``host`` or ``host:port``); resolves by *resolver*."""

    def __init__(self, allow_hosts: Iterable[str], resolver: Resolver = system_resolver) -> None:
        self._allowed = frozenset(entry.strip().lower() for entry in allow_hosts)
        self._resolver = resolver

    def vet(self, url: WebUrl, deadline: Deadline) -> Vetted:
        """
        The addresses that may be connected to for *url*.

        A host is refused as a whole if any one of its addresses is not public. An entry "host" in
        the allow list stands for the ports 80 and 443, "host:port" for that port.

        Raises FetchError with the setting that would allow the address.
        """
        ordinary = url.port in ORDINARY_PORTS
        bracketed = f"[{url.host}]" if ":" in url.host else url.host
        allowed = url.hostport in self._allowed or (
            ordinary and not self._allowed.isdisjoint({url.host, bracketed})
        )
        if not (ordinary or allowed):
            raise FetchError(
                f"refused to fetch {url}: port {url.port} is not allowed - "
                f"add {url.hostport!r} to the setting fetch.allow_hosts to allow it"
            )
        literal = _literal(url.host)
        addresses = (literal,) if literal else self._resolve(url, deadline)
        for address in addresses:
            self._judge(url, address, allowed, named=literal is None)
        return Vetted(url, addresses, allowed)

    def _judge(self, url: WebUrl, address: Address, allowed: bool, *, named: bool) -> None:
        reason = refusal(address)
        if reason is None or (allowed and not (named and is_metadata(address))):
            return
        where = f"{url.host} is {address}, which" if named else str(address)
        if named and is_metadata(address):
            advice = "no host name may lead there; give another address"
        else:
            advice = f"if that is meant, add {url.hostport!r} to the setting fetch.allow_hosts"
        raise FetchError(
            f"refused to fetch {url}: {where} is not a public address ({reason}) - {advice}"
        )

    def _resolve(self, url: WebUrl, deadline: Deadline) -> tuple[Address, ...]:
        found = _in_time(lambda: self._resolver(url.host, url.port), deadline)
        if isinstance(found, OSError):
            raise FetchError(
                f"cannot fetch {url}: the host {url.host} is not known - check the spelling"
            ) from found
        addresses = tuple(ip_address(text.partition("%")[0]) for text in found)
        if not addresses:
            raise FetchError(f"cannot fetch {url}: the host {url.host} has no address")
        return addresses


def _in_time(call: Callable[[], list[str]], deadline: Deadline) -> list[str] | OSError:
    """Run *call* in a thread of its own, because getaddrinfo knows no time limit."""
    answer: list[list[str] | OSError] = []

    def run() -> None:
        try:
            answer.append(call())
        except OSError as error:
            answer.append(error)

    thread = threading.Thread(target=run, name="qntx-resolver", daemon=True)
    thread.start()
    thread.join(deadline.remaining_s())
    if not answer:
        raise httpcore2.ConnectTimeout("name resolution")
    return answer[0]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class PinnedBackend(httpcore2.NetworkBackend):
    """
    Connects to the vetted addresses and nothing else, whatever the name resolves to by now.

    Counts every byte that arrives in *received* and lets no read outlast the deadline.
    """

    def __init__(self, vetted: Vetted, deadline: Deadline, connect_timeout_s: float) -> None:
        self._vetted = vetted
        self._deadline = deadline
        self._connect_timeout_s = connect_timeout_s
        self._tcp = httpcore2.SyncBackend()
        self.received = 0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first vetted address that answers."""
        if (host, port) != (self._vetted.url.host, self._vetted.url.port):
            raise FetchError(f"refused to connect to {host}:{port}: it was not checked")
        failure: Exception = httpcore2.ConnectError("no address")
        for address in self._vetted.addresses:
            limit_s = min(self._connect_timeout_s, self._deadline.remaining_s())
            try:
                stream = self._tcp.connect_tcp(str(address), port, limit_s)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            self._check_peer(stream, address)
            return _MeteredStream(stream, self)
        raise failure

    def _check_peer(self, stream: httpcore2.NetworkStream, address: Address) -> None:
        peer = ip_address(stream.get_extra_info("server_addr")[0])
        own = ip_address(stream.get_extra_info("client_addr")[0])
        # Equal ends mean one of this machine's own addresses, even where it looks public.
        if peer != address or (peer == own and not self._vetted.allowed_by_configuration):
            stream.close()
            raise FetchError(f"refused to fetch {self._vetted.url}: {peer} is this machine itself")

    def limit_s(self) -> float:
        """Seconds the next read or write may take."""
        return min(IDLE_TIMEOUT_S, self._deadline.remaining_s())


class _MeteredStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, backend: PinnedBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._backend.limit_s())
        self._backend.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.limit_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: object,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        limit_s = self._backend.limit_s()
        return _MeteredStream(
            self._stream.start_tls(ssl_context, server_hostname, limit_s),  # type: ignore[arg-type]
            self._backend,
        )

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
