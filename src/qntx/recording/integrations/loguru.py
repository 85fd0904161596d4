"""loguru's records, as its patchers and the sinks' filters leave them."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from loguru import logger
from loguru._logger import Logger
from loguru._simple_sinks import CallableSink, StandardSink, StreamSink

from qntx.recording import streams
from qntx.recording.context import current_place
from qntx.recording.library_records import append_record
from qntx.recording.log_levels import LEVELS
from qntx.recording.patches import Patches
from qntx.recording.showing import Shown, is_passed_on

#: What is not in its stubs, but has been in every version since 0.6.
_Class: Any = Logger
_logger: Any = logger
_patches = Patches()
_original_log: Any
#: By class of sinks: its method ``write``.
_original_write: dict[type, Any] = {}
#: Our handler's number with loguru; None before the first record of a run.
_handler: int | None = None
#: The handlers of loguru as we have last put them in order.
_ordered: Any = None
#: The lowest level that a sink of the program shows, and that one without a filter does.
_shown_from: float = 0
_unfiltered_from: float = 0


def install() -> None:
    """Capture what is logged inside of runs: from info on, and what the program's sinks get."""
    global _original_log
    _original_log = _patches.replace(_Class, "_log", _log)
    for sink in _WRITES:
        _original_write[sink] = _patches.replace(sink, "write", _WRITES[sink])


def uninstall() -> None:
    """Put the methods of loguru back, and take our handler and filters away."""
    global _handler
    _patches.put_back()
    for handler in _logger._core.handlers.values():
        if isinstance(handler._filter, _Watched):
            handler._filter = handler._filter.filter
    if _handler is not None:
        _handler, number = None, _handler
        if number in _logger._core.handlers:
            _logger.remove(number)


class _Event(threading.local):
    """Per thread: what the filters of the sinks have made of the record on its way."""

    taken = dropped = False


_event = _Event()


class _Watched:
    """A filter of one of the program's sinks."""

    def __init__(self, given: Any) -> None:
        self.filter = given

    def __call__(self, record: Any) -> Any:
        passed = self.filter(record)
        if passed:
            _event.taken = True
        else:
            _event.dropped = True
        return passed


def _log(
    self: Any,
    level: Any,
    from_decorator: bool,
    options: tuple[Any, ...],
    message: Any,
    args: Any,
    kwargs: Any,
) -> None:
    exception, depth, *others = options
    options = (exception, depth + 1, *others)  # this function stands between it and its caller
    if current_place() is None:
        _original_log(self, level, from_decorator, options, message, args, kwargs)
        return
    if self._core.handlers is not _ordered or _handler not in self._core.handlers:
        _put_in_order(self._core)
    before = _event.taken, _event.dropped
    _event.taken = _event.dropped = False
    try:
        _original_log(self, level, from_decorator, options, message, args, kwargs)
    finally:
        _event.taken, _event.dropped = before


def _writing(sink: type) -> Any:
    def write(self: Any, message: Any) -> None:
        """What loguru shows is captured already, though a thread of its own may show it later."""
        if getattr(self, "_function", None) is _take:
            _original_write[sink](self, message)
            return
        with Shown(lambda: message.record["message"], str(message)):
            _original_write[sink](self, message)

    return write


_WRITES: dict[type, Any] = {
    sink: _writing(sink) for sink in (StreamSink, CallableSink, StandardSink)
}


def _put_in_order(core: Any) -> None:
    """
    Have our handler be the first; behind those whose filters may change or drop a record.

    It gets what any of them gets, and everything from info on.
    """
    global _handler, _ordered, _shown_from, _unfiltered_from
    if _handler not in core.handlers:
        _handler = _logger.add(_take, level=0, format=_message_only, catch=False)
    with core.lock:
        ours = core.handlers[_handler]
        others = {number: h for number, h in core.handlers.items() if h is not ours}
        _shown_from = min((h._levelno for h in others.values()), default=float("inf"))
        ours._levelno = core.min_level = min(_shown_from, logging.INFO, *LEVELS.by_logger.values())
        filtering = {number: h for number, h in others.items() if h._filter is not None}
        plain = {number: h for number, h in others.items() if number not in filtering}
        _unfiltered_from = min((h._levelno for h in plain.values()), default=float("inf"))
        core.handlers = _ordered = {**filtering, _handler: ours, **plain}
        for handler in others.values():
            if handler._filter is not None and not isinstance(handler._filter, _Watched):
                handler._filter = _Watched(handler._filter)
            sink: Any = getattr(handler, "_sink", None)
            name = streams.name_of_replaced(getattr(sink, "_stream", None))
            if name is not None:
                # loguru was imported before the run: it holds the stream that ours replaced.
                sink._stream = getattr(sys, name)


def _message_only(record: Any) -> str:
    """A format without the traceback, which loguru adds to those that are given as text."""
    return "{message}"


def _take(message: Any) -> None:
    record = message.record
    text, level = record["message"], record["level"].no
    place = current_place()
    if place is None or is_passed_on(text):  # or a record of ``logging`` is passed on to loguru
        return
    if level < LEVELS.lowest or (level < _shown_from and level < LEVELS.of(record["name"] or "")):
        return
    if _event.dropped and not _event.taken and level < _unfiltered_from:
        return
    error = record["exception"].value if record["exception"] is not None else None
    append_record(place, record["name"], level, text, record["extra"], error)
