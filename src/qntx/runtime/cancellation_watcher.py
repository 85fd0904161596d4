"""A run outside of the queue has no supervisor: here it learns that somebody wants it to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from qntx.storage.sqlite.stop_requests import stop_request_of
from qntx.storage.sqlite.store import UNAVAILABLE

#: How often to look, seconds.
CANCELLATION_POLL_S = 0.5


@contextlib.contextmanager
def watching_for_cancellation(
    database: Path, job_id: str, ask: Callable[[str], None], limit_s: float | None = None
) -> Iterator[None]:
    """
    Call *ask* (in another thread) with ``cancel`` or ``pause`` when somebody asks *job_id* for it.

    Each once, within half a second, while the code inside runs; and with ``timeout`` when that
    takes longer than *limit_s* seconds.
    """
    over = threading.Event()
    ends = None if limit_s is None else time.monotonic() + limit_s

    def look() -> None:
        nonlocal ends
        told = None
        while not over.wait(_pause(ends)):
            if ends is not None and time.monotonic() >= ends:
                ends = None
                ask("timeout")
            with contextlib.suppress(*UNAVAILABLE):
                wish = stop_request_of(database, job_id)
                if wish != told and wish is not None:
                    ask(wish)
                told = wish

    thread = threading.Thread(target=look, name="qntx-watching_for_cancellation", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _pause(ends: float | None) -> float:
    return (
        CANCELLATION_POLL_S
        if ends is None
        else max(0.0, min(CANCELLATION_POLL_S, ends - time.monotonic()))
    )
