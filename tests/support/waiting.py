"""Waiting for what another thread or process is about to bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Far longer than anything takes: it is reached by what never comes, on however busy a machine.
LIMIT_S = 60.0


def wait_until(condition: Callable[[], Any], what: str = "it", limit_s: float = LIMIT_S) -> Any:
    """Poll *condition* until it gives something true; returns that, fails after *limit_s*."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what} ({found!r})"
        time.sleep(0.003)
    return found
