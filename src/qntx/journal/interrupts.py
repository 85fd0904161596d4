"""Exceptions that a signal handler throws into the middle of our code: they are the job's."""

from __future__ import annotations

import signal
import threading
from types import CodeType, TracebackType


def reraise_from_signal(error: BaseException) -> None:
    """
    Raise *error* on if a signal handler of the program threw it; else return.

    To be called wherever an exception is made a marker of: one that user code raised (a ``repr``)
    is about the line, but a timeout by SIGALRM must reach the job, in whatever call it strikes.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signal handlers run in the main thread only
    trace: TracebackType | None = error.__traceback__
    if trace is None or trace.tb_next is None:
        return  # nothing that was called raised it: no handler either
    handlers = _handlers()
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            raise error
        trace = trace.tb_next


def _handlers() -> set[CodeType]:
    """The code of the signal handlers that are set now."""
    found = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler):
            handler = getattr(handler, "func", handler)  # functools.partial
            call = handler if hasattr(handler, "__code__") else None
            call = call or getattr(handler, "__func__", None) or type(handler).__call__
            code = getattr(call, "__code__", None)
            if isinstance(code, CodeType):
                found.add(code)
    return found
