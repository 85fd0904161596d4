"""A run outside of the queue has no supervisor: here it learns that somebody wants it to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from qntx.errors import StoreUnavailable
from qntx.storage.interfaces import Store

#: How often to look, seconds.
CANCELLATION_POLL_S = 0.5


@contextlib.contextmanager
def watching_for_cancellation(
    store: Store, job_id: str, ask: Callable[[str], None], limit_s: float | None = None
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
            with contextlib.suppress(StoreUnavailable):
                request = store.stop_request_of(job_id)
                if request != told and request is not None:
                    ask(request)
                told = request

    thread = threading.Thread(target=look, name="qntx-cancellation", daemon=True)
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
