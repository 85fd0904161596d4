"""Rate limits of handlers that cost money: calls a minute, budgets a day, a week and a month."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from qntx.clock import now_us
from qntx.config import Settings
from qntx.explain.wait_reasons import WaitReasons
from qntx.storage.interfaces import Store

_DAY_US = 86_400_000_000
#: How often limits are looked at again, seconds.
SPENDING_POLL_S = 0.25
#: Jobs that may start between two looks where only money is limited.
MOST_AT_ONCE = 16


class RateLimits:
    """Says which handlers have to wait, and writes the reason to the jobs that do."""

    def __init__(self, store: Store, settings: Settings, waiting: WaitReasons) -> None:
        self._store = store
        self._waiting = waiting
        self._settings = settings.pulse
        self._looked = 0.0
        #: Calls that may still be made in this minute, when it was looked at; None: any number.
        self._left: int | None = None
        #: Jobs that ran after the last ones were handed out: when there are fewer, calls are over.
        self.in_flight = 0
        self.closed = False

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self._settings.limited

    def room(self, metered: Sequence[str], in_flight: int) -> int:
        """
        How many more jobs of *metered* may start, while *in_flight* of them run.

        A job that waits says why, and goes on later. A call is counted when it is over, so jobs
        that run count as one call each.
        """
        now = time.monotonic()
        if now - self._looked >= SPENDING_POLL_S or in_flight < self.in_flight:
            self._looked = now
            reason = self._reason()
            if reason is not None or self.closed:
                self._waiting.hold(self._store, metered, reason)
            self.closed = reason is not None
        if self.closed:
            return 0
        if self._left is None:
            return MOST_AT_ONCE
        return max(0, self._left - in_flight)

    def _reason(self) -> dict[str, Any] | None:
        """Why jobs wait, as their pulse_state; None: they need not."""
        limits = self._settings
        now = now_us()
        if limits.max_calls_per_minute is not None:
            calls = self._store.model_usage.calls_since(now - 60_000_000)
            self._left = limits.max_calls_per_minute - calls
            if calls >= limits.max_calls_per_minute:
                return {
                    "is_paused": True,
                    "pause_reason": "rate_limited",
                    "message": f"waits: {calls} calls in the last minute, the limit is "
                    f"{limits.max_calls_per_minute} - goes on by itself",
                }
        windows = (
            ("day", limits.daily_budget_usd, 1),
            ("week", limits.weekly_budget_usd, 7),
            ("month", limits.monthly_budget_usd, 30),
        )
        for name, budget, days in windows:
            if budget is None:
                continue
            spent = self._store.model_usage.cost_since(now - days * _DAY_US)
            if spent >= budget:
                return {
                    "is_paused": True,
                    "pause_reason": "budget_exceeded",
                    "message": f"waits: {spent:.2f} of {budget:.2f} USD spent in the last {name} - "
                    f"raise pulse.{'daily' if name == 'day' else name + 'ly'}_budget_usd, "
                    "or it goes on by itself",
                }
        return None
