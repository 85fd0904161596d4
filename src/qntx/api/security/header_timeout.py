"""How long a client may take to say what it wants."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

#: From the first byte of a request to the end of its headers, seconds.
HEAD_S = 10.0
#: Between two pieces of a body, seconds.
BODY_S = 10.0
#: Connections at once; those beyond are answered with 503. Below what a process may have open.
MAX_CONNECTIONS = 800


class HeaderTimeoutProtocol(H11Protocol):
    """Closes connections on which a request does not come to the end of its headers."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody is there; the clock runs."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some of a request; the clock stands still from the end of its headers on."""
        super().data_received(data)
        if self._asking():
            self._wait()
        else:
            self._calm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._calm()
        super().connection_lost(exc)

    def _asking(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_S, self._give_up)

    def _calm(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self._asking() and not self.transport.is_closing():
            self.transport.close()
