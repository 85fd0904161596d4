"""structlog's events, as its processors leave them: with level and fields, not as text."""

from __future__ import annotations

import copy
import sys
from typing import Any

from structlog import BoundLoggerBase, BytesLogger, DropEvent, PrintLogger, WriteLogger
from structlog.stdlib import ProcessorFormatter

from qntx.model.log import INFO
from qntx.recording import pending_records, streams
from qntx.recording.context import current_place
from qntx.recording.library_records import LEVEL_NAMES, append_event, error_of
from qntx.recording.patches import Patches, as_part_of
from qntx.recording.showing import Shown, is_passed_on

_patches = Patches()
_PRINTS = (PrintLogger, WriteLogger, BytesLogger)


class _Originals:
    """The methods of structlog that ours stand for."""

    proxy_to_logger: Any
    format: Any


_ORIGINAL = _Originals()


def install() -> None:
    """Capture events inside of runs."""
    found = _patches.replace(BoundLoggerBase, "_proxy_to_logger", _proxy_to_logger)
    _ORIGINAL.proxy_to_logger = found
    _ORIGINAL.format = _patches.replace(ProcessorFormatter, "format", _format)
    pending_records.add_changing_formatter(ProcessorFormatter)


def uninstall() -> None:
    """Put the methods of structlog back."""
    _patches.put_back()


def _proxy(
    self: BoundLoggerBase, method_name: str, event: str | None = None, **event_kw: Any
) -> Any:
    if not isinstance(self._logger, _PRINTS) or current_place() is None:
        # ``logging`` has it then.
        return _ORIGINAL.proxy_to_logger(self, method_name, event, **event_kw)
    try:
        args, kw, seen = _processed(self, method_name, event, event_kw)
        return _print(self, method_name, args, kw, seen)
    except DropEvent:
        return None


def _format_record(self: ProcessorFormatter, record: Any) -> str:
    """``ProcessorFormatter.format``, with a look at what its processors make of a record."""
    if pending_records.is_pending(record) and self.processors:
        seen = _Seen()
        observed = copy.copy(self)
        observed.processors = (*self.processors[:-1], seen, *self.processors[-1:])
        text = _ORIGINAL.format(observed, record)
        pending_records.note_event(record, seen.event)
        return text  # type: ignore[no-any-return]
    return _ORIGINAL.format(self, record)  # type: ignore[no-any-return]


class _Seen:
    """A processor before the last one, which makes text of the event."""

    def __init__(self) -> None:
        self.event: dict[str, Any] = {}

    def __call__(self, logger: Any, name: str, event: Any) -> Any:
        self.event = dict(event) if isinstance(event, dict) else {"event": event}
        return event


def _process(
    self: BoundLoggerBase, method_name: str, event: str | None, event_kw: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """What the processors make of an event for its logger, and what it is before the last one."""
    seen = _Seen()
    observed = copy.copy(self)
    processors = list(self._processors)
    observed._processors = [*processors[:-1], seen, *processors[-1:]]
    args, kw = observed._process_event(method_name, event, event_kw)
    return args, kw, seen.event


def _print(self: BoundLoggerBase, method_name: str, args: Any, kw: Any, event: Any) -> Any:
    """Store an event, and let its logger show it."""
    place = current_place()
    message = str(event.get("event", ""))
    if place is not None and not is_passed_on(message):
        given = event.get("exc_info", self._context.get("exc_info"))
        level = LEVEL_NAMES.get(method_name, INFO)
        append_event(place, None, level, event, error_of(given or "exception" in event))
    shown = args[0] if args else ""
    text = shown if isinstance(shown, str) else bytes(shown).decode("utf-8", "replace")
    with Shown(lambda: message, text):
        return getattr(_captured(self._logger), method_name)(*args, **kw)


def _captured(target: Any) -> Any:
    """*target*; if it was made before the run, one that writes to where ours stands now."""
    file = getattr(target, "_file", None)
    name = streams.name_of_replaced(file)
    if name is not None:
        return type(target)(getattr(sys, name))
    name = streams.name_of_replaced(file, binary=True)
    return target if name is None else type(target)(getattr(sys, name).buffer)


_processed = as_part_of(BoundLoggerBase._process_event, _process)
_proxy_to_logger = as_part_of(BoundLoggerBase._proxy_to_logger, _proxy)
_format = as_part_of(ProcessorFormatter.format, _format_record)
