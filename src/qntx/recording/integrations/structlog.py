"""structlog's events where they end in a print: with their level and fields, not as its text."""

from __future__ import annotations

import sys
from typing import Any

from structlog import BoundLoggerBase, BytesLogger, DropEvent, PrintLogger, WriteLogger

from qntx.model.log import CRITICAL, DEBUG, ERROR, INFO, WARN
from qntx.recording import streams
from qntx.recording.captured_stream import ALREADY_CAPTURED
from qntx.recording.context import current_place
from qntx.recording.integrations.records import append_record
from qntx.recording.patches import Patches

_patches = Patches()
_original: Any
_PRINTS = (PrintLogger, WriteLogger, BytesLogger)
_LEVELS = {
    "debug": DEBUG,
    "info": INFO,
    "msg": INFO,
    "warn": WARN,
    "warning": WARN,
    "err": ERROR,
    "error": ERROR,
    "exception": ERROR,
    "failure": ERROR,
    "critical": CRITICAL,
    "fatal": CRITICAL,
}


def install() -> None:
    """Capture events inside of runs."""
    global _original
    _original = _patches.replace(BoundLoggerBase, "_proxy_to_logger", _proxy_to_logger)


def uninstall() -> None:
    """Put the method of structlog's loggers back."""
    _patches.put_back()


def _proxy_to_logger(
    self: BoundLoggerBase, method_name: str, event: str | None = None, **event_kw: Any
) -> Any:
    target = self._logger
    if not isinstance(target, _PRINTS) or current_place() is None:
        return _original(self, method_name, event, **event_kw)  # ``logging`` has it then
    fields = {**self._context, **event_kw}
    name = fields.pop("logger", None)
    append_record(
        None if name is None else str(name),
        _LEVELS.get(method_name, INFO),
        "" if event is None else event,
        fields,
        _error(fields),
    )
    before = ALREADY_CAPTURED.text
    try:
        args, kw = self._process_event(method_name, event, event_kw)
        shown = args[0] if args else ""
        ALREADY_CAPTURED.text = lambda: (
            shown if isinstance(shown, str) else bytes(shown).decode("utf-8", "replace")
        )
        return getattr(_captured(target), method_name)(*args, **kw)
    except DropEvent:
        return None
    finally:
        ALREADY_CAPTURED.text = before


def _error(fields: dict[str, Any]) -> BaseException | None:
    """The exception that goes with an event: structlog's ``exc_info``, in all its forms."""
    given = fields.pop("exc_info", None)
    if isinstance(given, tuple) and len(given) > 1:
        given = given[1]
    if isinstance(given, BaseException):
        return given
    return sys.exc_info()[1] if given else None


def _captured(target: Any) -> Any:
    """*target*; if it was made before the run, one that writes to where ours stands now."""
    file = getattr(target, "_file", None)
    name = streams.name_of_replaced(file)
    if name is not None:
        return type(target)(getattr(sys, name))
    name = streams.name_of_replaced(file, binary=True)
    return target if name is None else type(target)(getattr(sys, name).buffer)
