"""The ``logging`` module: every record of any logger, whatever its handlers and settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from qntx.journal.format import LEVEL_MAX, LEVEL_MIN, UNATTRIBUTED
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.model.log import WARN
from qntx.recording import streams
from qntx.recording.captured_stream import ALREADY_CAPTURED, CapturedStream
from qntx.recording.context import ACTIVE_RUNS, SCOPE, ActiveRun, active_run_of, only_run
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.lines import WRONG_CALL, append_line, masked
from qntx.recording.patches import Patches

#: Loggers that log every packet at debug: captured from info on, unless the program's own
#: settings enable more.
QUIET = (
    "asyncio",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "urllib3",
    "numba",
    "PIL",
    "matplotlib",
    "botocore",
    "hpack",
    "h2",
    "h11",
    "charset_normalizer",
)

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
_PLAIN_SIZE = len(logging.LogRecord("", 0, "", 0, "", None, None).__dict__)

_patches = Patches()
_original_handle: Callable[..., Any]
_original_is_enabled_for: Callable[..., bool]
_original_make_record: Callable[..., logging.LogRecord]
_original_handle_in_handler: Callable[..., Any]
_original_format: Callable[..., str]
_thresholds: dict[str, int] = {}
_levels: dict[str, int] = {}
_EVERYTHING = -(2**63)
_lowest = _EVERYTHING
#: Handlers of the program, and the streams that they had before.
_redirected: list[tuple[Any, Any]] = []


class CapturedRecord(logging.LogRecord):
    """A record that is in the log; by its class, which copies have, and no formatter shows."""


def install(level: int = 0, thresholds: dict[str, int] | None = None) -> None:
    """
    Capture records from *level* on (0: all) inside of runs; *thresholds* by logger name.

    It replaces methods of ``logging.Logger``, so that no reconfiguration of logging (handlers
    removed, propagation off, loggers or levels disabled) can switch it off. What reaches the
    program's own handlers stays exactly as it was.
    """
    global _lowest, _original_handle, _original_is_enabled_for, _original_make_record
    global _original_handle_in_handler, _original_format
    _lowest = level or _EVERYTHING
    _thresholds.clear()
    _thresholds.update(dict.fromkeys(QUIET, logging.INFO))
    _thresholds.update(thresholds or {})
    _levels.clear()
    logger, handler = logging.Logger, logging.Handler
    _original_handle = _patches.replace(logger, "handle", _handle)
    _original_is_enabled_for = _patches.replace(logger, "isEnabledFor", _is_enabled_for)
    _original_make_record = _patches.replace(logger, "makeRecord", _make_record)
    _original_handle_in_handler = _patches.replace(handler, "handle", _handle_in_handler)
    _original_format = _patches.replace(handler, "format", _format)


def uninstall() -> None:
    """Put the methods of ``logging.Logger`` back."""
    _patches.put_back()


def redirect_handlers() -> None:
    """
    Handlers that were made before the run hold the stream that ours stands in for: give them ours.

    Otherwise what they print goes past Python, and is captured a second time.
    """
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        name = streams.name_of_replaced(getattr(handler, "stream", None))
        if name is not None and isinstance(handler, logging.StreamHandler):
            _redirected.append((reference, handler.stream))
            handler.setStream(getattr(sys, name))


def restore_handlers() -> None:
    """Give them the streams that they had."""
    for reference, stream in _redirected:
        handler = reference()
        if handler is not None and isinstance(handler.stream, CapturedStream):
            handler.setStream(stream)
    _redirected.clear()


def _make_record(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
    """``makeRecord``; extras named like a record's own fields are renamed, not refused."""
    try:
        return _original_make_record(self, *args, **kwargs)
    except KeyError:
        position = 8  # of *extra* among the arguments after self
        extra = args[position] if len(args) > position else kwargs.get("extra")
        if not isinstance(extra, dict):
            raise
        renamed = {f"extra_{k}" if k in _STANDARD else k: v for k, v in extra.items()}
        if len(args) > position:
            args = (*args[:position], renamed, *args[position + 1 :])
        else:
            kwargs["extra"] = renamed
        return _original_make_record(self, *args, **kwargs)


def _is_enabled_for(self: logging.Logger, level: int) -> bool:
    if SCOPE.get() is not None or only_run() is not None:
        threshold = _levels.get(self.name)
        if threshold is None:
            threshold = _threshold(self.name)
        if level >= threshold:
            return True
    return _original_is_enabled_for(self, level)


def _handle(self: logging.Logger, record: logging.LogRecord) -> None:
    scope = SCOPE.get()
    flags = 0
    if scope is None:
        active = only_run()
        flags = UNATTRIBUTED
    else:
        active = ACTIVE_RUNS.get(scope.run) or active_run_of(scope)
    if active is None:
        _original_handle(self, record)
        return
    level = record.levelno
    threshold = _levels.get(record.name)
    is_enabled = _original_is_enabled_for(self, level)
    if level >= (_threshold(record.name) if threshold is None else threshold) or (
        is_enabled and level >= _lowest
    ):
        try:
            _capture(active, scope or active.root, record, flags)
        except WRONG_CALL as error:
            reraise_from_signal(error)
            _capture_anyway(active, scope or active.root, record, error)
    if is_enabled:
        if type(record) is logging.LogRecord:
            record.__class__ = CapturedRecord
        _handle_as_captured(record, _original_handle, self)


def _handle_in_handler(self: logging.Handler, record: logging.LogRecord) -> Any:
    """A handler gets a captured record later, or in another thread: from a queue, a buffer."""
    if type(record) is not CapturedRecord or ALREADY_CAPTURED.text is not None:
        return _original_handle_in_handler(self, record)
    return _handle_as_captured(record, _original_handle_in_handler, self)


def _handle_as_captured(
    record: logging.LogRecord, handle: Callable[[Any, Any], Any], by: Any
) -> Any:
    """What the program's own handlers print is this very record: it is in the log already."""
    before = ALREADY_CAPTURED.text
    ALREADY_CAPTURED.text = lambda: _message_of(record)
    try:
        return handle(by, record)
    finally:
        ALREADY_CAPTURED.text, ALREADY_CAPTURED.formatted = before, None


def _format(self: logging.Handler, record: logging.LogRecord) -> str:
    """As JSON, for example, the message may look quite different from what it is."""
    text = _original_format(self, record)
    if ALREADY_CAPTURED.text is not None:
        ALREADY_CAPTURED.formatted = text
    return text


def _message_of(record: logging.LogRecord) -> str:
    """What handlers of the program will show of *record*, however they format it."""
    try:
        return record.getMessage()
    except WRONG_CALL as error:
        reraise_from_signal(error)
        return str(record.msg)


def _capture_anyway(
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


def _capture(active: ActiveRun, scope: Scope, record: logging.LogRecord, flags: int) -> None:
    metadata: dict[str, Any] | None = None
    message = record.msg
    if record.args or type(message) is not str:
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a wrong format string is the job's, not ours
            reraise_from_signal(error)
            message, metadata = _unformatted(record, error)
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


def _with_extras(
    record: logging.LogRecord, message: str, metadata: dict[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """The parts of a record that ordinary ones do not have: extras, exception, stack."""
    more = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
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


def _threshold(name: str) -> int:
    """The lowest level captured of a logger: the nearest parent's that has one, and ours."""
    parent = name
    while parent:
        if parent in _thresholds:
            found = max(_lowest, _thresholds[parent])
            break
        parent = parent.rpartition(".")[0]
    else:
        found = _lowest
    _levels[name] = found
    return found
