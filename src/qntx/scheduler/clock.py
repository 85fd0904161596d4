"""How the ticker sees time: what time it is, and waiting until then or until it is woken."""

from __future__ import annotations

import select
from typing import Protocol

from qntx.clock import now_us
from qntx.storage.interfaces import WakeUp


class TickerClock(Protocol):
    """A clock to wait by; tests bring one that runs faster, or jumps."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""

    def wait(self, wakeup: WakeUp, until_us: int) -> None:
        """Return at *until_us*, or earlier when *wakeup* is notified."""


class WallClock:
    """The clock of the machine."""

    def now_us(self) -> int:
        """Microseconds since the epoch, UTC."""
        return now_us()

    def wait(self, wakeup: WakeUp, until_us: int) -> None:
        """Sleep on the pipe; no time is spent while nothing is due."""
        pause_s = max(0.0, (until_us - now_us()) / 1e6)
        select.select(wakeup.descriptors, [], [], pause_s)
        wakeup.clear()
