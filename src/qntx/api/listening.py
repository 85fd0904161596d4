"""The socket that the server listens on, and what connections inherit from it."""

from __future__ import annotations

import socket

from qntx.api.security.hosts import is_loopback
from qntx.errors import BadInput

BACKLOG = 512
#: A client that takes nothing of what it is sent for so long is given up, seconds.
STALLED_S = 60.0
#: Of each connection, in the system; Linux makes it twice as large.
SEND_BUFFER_BYTES = 128 << 10


def check_bind(host: str, port: int, allow_remote: bool) -> None:
    """Raise BadInput when other machines could reach *host* and nobody asked for that."""
    if not is_loopback(host) and not allow_remote:
        raise BadInput(
            f"{host} port {port} can be reached by other machines - add --allow-remote (or the "
            "setting server.allow_remote) if that is meant; the token is then needed for everything"
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on *host* and *port*; raises BadInput when that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only then: without,
    # every small answer waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bound_what_clients_cost(listening)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise BadInput(
            f"cannot listen on {host} port {port}: {error} - another server may be running; "
            "choose another with --port"
        ) from None
    return listening


def _bound_what_clients_cost(listening: socket.socket) -> None:
    """
    What connections inherit: little waits in the system for one that does not read.

    And one whose other end takes nothing, or is gone, ends after a minute (on Linux).
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
