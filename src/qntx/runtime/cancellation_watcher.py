"""A run outside of the queue has no supervisor: here it learns that somebody wants it to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from qntx.errors import StoreUnavailable
from qntx.journal.background_threads import BackgroundThread
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
    ends = None if limit_s is None else time.monotonic() + limit_s
    due = time.monotonic() + CANCELLATION_POLL_S
    told = None

    def look(stop: threading.Event) -> None:
        nonlocal ends, due, told
        # By the clock: a job that forks all the time stops this thread as often.
        while not stop.wait(_pause(due if ends is None else min(due, ends))):
            due = time.monotonic() + CANCELLATION_POLL_S
            if ends is not None and time.monotonic() >= ends:
                ends = None
                ask("timeout")
            with contextlib.suppress(StoreUnavailable):
                request = store.stop_request_of(job_id)
                if request != told and request is not None:
                    ask(request)
                told = request

    thread = BackgroundThread("qntx-cancellation", look)
    thread.start()
    try:
        yield
    finally:
        thread.stop(0)


def _pause(until: float) -> float:
    return max(0.0, until - time.monotonic())
