"""From a record of ``logging`` to a line; and records that are in the log already."""

from __future__ import annotations

import copyreg
import logging
from typing import Any

from qntx.journal.format import LEVEL_MAX, LEVEL_MIN
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.model.log import WARN
from qntx.recording.context import ActiveRun
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.library_records import append_event
from qntx.recording.lines import WRONG_CALL, append_line, masked
from qntx.recording.templates import is_template, template_fields, template_text

STANDARD_FIELDS = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
_PLAIN_SIZE = len(logging.LogRecord("", 0, "", 0, "", None, None).__dict__)


class StoredRecord:
    """A record that is in the log: by its class, which copies have, and no formatter shows."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Copied, or pickled for a queue, it is still in the log."""
        return _restored, (_unmarked[type(self)],), self.__dict__


#: The classes of records that are in the log, by what they were before, and back.
_marked: dict[type, type] = {}
_unmarked: dict[type, type] = {}


def mark_stored(record: logging.LogRecord) -> None:
    """Note that *record* is in the log."""
    kind = type(record)
    try:
        record.__class__ = _marked.get(kind) or _marked_class(kind)
    except TypeError as error:
        reraise_from_signal(error)  # else: a class of the program that is laid out otherwise


def _marked_class(kind: type) -> Any:
    if issubclass(kind, StoredRecord):
        return kind
    names = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__reduce_ex__": StoredRecord.__reduce_ex__,
    }
    found = _marked[kind] = type(kind.__name__, (kind, StoredRecord), names)
    _unmarked[found] = kind
    return found


#: What an ordinary record becomes.
STORED_PLAIN = _marked_class(logging.LogRecord)


def _restored(kind: type) -> Any:
    """An empty record of class *kind* that is in the log."""
    return copyreg.__newobj__(_marked.get(kind) or _marked_class(kind))  # type: ignore[attr-defined]


def message_of(record: logging.LogRecord) -> str:
    """What *record* says, also where its arguments do not fit."""
    try:
        return record.getMessage()
    except WRONG_CALL as error:
        reraise_from_signal(error)
        return str(record.msg)


def store_record(
    active: ActiveRun, scope: Scope, record: logging.LogRecord, flags: int = 0
) -> None:
    """Append *record*, as it is now, as a line under *scope*."""
    try:
        metadata: dict[str, Any] | None = None
        message = record.msg
        if record.args or type(message) is not str:
            if type(message) is dict and "_logger" in record.__dict__:
                # structlog's way of handing its events to its formatter
                append_event((active, scope, flags), record.name, record.levelno, message)
                return
            message, metadata = _formatted(record)
        if (
            len(record.__dict__) != _PLAIN_SIZE
            or record.exc_info
            or record.stack_info
            or not LEVEL_MIN <= record.levelno <= LEVEL_MAX
        ):
            message, metadata = _with_extras(record, message, metadata)
        origin = active.journal.origin("logging", record.name)
        if origin.epoch is None:  # not written yet: names may contain secrets, too
            origin.logger = masked(origin.logger)
        level = record.levelno
        if not LEVEL_MIN <= level <= LEVEL_MAX:
            level = max(LEVEL_MIN, min(level, LEVEL_MAX))
        append_line(active, scope, level, origin, message, metadata, flags)
    except WRONG_CALL as error:
        reraise_from_signal(error)
        _store_anyway(active, scope, record, error)


def _store_anyway(
    active: ActiveRun, scope: Scope, record: logging.LogRecord, error: Exception
) -> None:
    """Something about the record is wrong; keep what can be kept."""
    try:
        text = str(record.msg)
    except Exception as second:  # noqa: BLE001 - a message object whose str() raises
        reraise_from_signal(second)
        text = f"<{type(record.msg).__name__}>"
    metadata = {"capture_error": f"{type(error).__name__}: {error}"}
    origin = active.journal.origin("logging", record.name)
    if origin.epoch is None:
        origin.logger = masked(origin.logger)
    append_line(active, scope, WARN, origin, text, metadata)


def _formatted(record: logging.LogRecord) -> tuple[str, dict[str, Any] | None]:
    try:
        template: Any = record.msg
        if is_template(template):
            text = template_text(template)
            return (text % record.args if record.args else text), template_fields(template)
        return record.getMessage(), None
    except Exception as error:  # noqa: BLE001 - a wrong format string is the job's, not ours
        reraise_from_signal(error)
        return _unformatted(record, error)


def _with_extras(
    record: logging.LogRecord, message: str, metadata: dict[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """The parts of a record that ordinary ones do not have: extras, exception, stack."""
    more = {k: v for k, v in record.__dict__.items() if k not in STANDARD_FIELDS}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        more.update(exception_metadata(error))
        message = f"{message}\n{traceback_text(error)}"
    if record.stack_info:
        more["stack"] = record.stack_info
        message = f"{message}\n{record.stack_info}"
    if not LEVEL_MIN <= record.levelno <= LEVEL_MAX:
        more["levelno"] = record.levelno
    if more:
        metadata = {**(metadata or {}), **more}
    return message, metadata


def _unformatted(record: logging.LogRecord, error: Exception) -> tuple[str, dict[str, Any]]:
    try:
        template = str(record.msg)
    except Exception as second:  # noqa: BLE001 - a message object whose str() raises
        reraise_from_signal(second)
        template = f"<{type(record.msg).__name__}>"
    args = record.args
    return template, {
        "format_error": f"{type(error).__name__}: {error}",
        "template": template,
        "args": list(args) if isinstance(args, tuple) else args,
    }
