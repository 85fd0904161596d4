"""loguru's records, whatever handlers the program gives its logger."""

from __future__ import annotations

import sys
from typing import Any

from loguru import logger
from loguru._logger import Logger
from loguru._simple_sinks import StreamSink

from qntx.recording import streams
from qntx.recording.captured_stream import ALREADY_CAPTURED
from qntx.recording.context import current_place
from qntx.recording.integrations.records import append_record
from qntx.recording.patches import Patches

#: What is not in its stubs, but has been in every version since 0.6.
_Class: Any = Logger
_logger: Any = logger
_Sink: Any = StreamSink
_patches = Patches()
_original_log: Any
_original_write: Any
#: Our handler's number with loguru; None before the first record of a run.
_handler: int | None = None


def install() -> None:
    """Capture what is logged inside of runs, from the lowest level on."""
    global _original_log, _original_write
    _original_log = _patches.replace(_Class, "_log", _log)
    _original_write = _patches.replace(_Sink, "write", _write)


def uninstall() -> None:
    """Put the method of ``loguru.Logger`` back, and take our handler away."""
    global _handler
    _patches.put_back()
    if _handler is not None:
        _handler, number = None, _handler
        if number in _logger._core.handlers:
            _logger.remove(number)


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
    if _handler not in self._core.handlers:
        _add_handler(self._core)
    before = ALREADY_CAPTURED.text
    try:
        _original_log(self, level, from_decorator, options, message, args, kwargs)
    finally:
        ALREADY_CAPTURED.text = before


def _write(self: Any, message: Any) -> None:
    """What loguru shows is captured already, though a thread of its own may show it later."""
    before = ALREADY_CAPTURED.text
    ALREADY_CAPTURED.text = lambda: str(message)
    try:
        _original_write(self, message)
    finally:
        ALREADY_CAPTURED.text = before


def _add_handler(core: Any) -> None:
    """Have our handler be the first: what the others print of a record is captured already."""
    global _handler
    _handler = _logger.add(_take, level=0, format=_message_only, catch=False)
    with core.lock:
        ours = core.handlers[_handler]
        core.handlers = {_handler: ours, **core.handlers}
        for handler in core.handlers.values():
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
    text = record["message"]
    if not ALREADY_CAPTURED.covers(text):  # else a record of ``logging`` is passed on to loguru
        error = record["exception"].value if record["exception"] is not None else None
        append_record(record["name"], record["level"].no, text, record["extra"], error)
    ALREADY_CAPTURED.text = lambda: text
