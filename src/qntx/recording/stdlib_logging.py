"""The ``logging`` module: every record of any logger, as the program's own filters leave it."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any

from qntx.journal.format import UNATTRIBUTED
from qntx.recording.context import ACTIVE_RUNS, SCOPE, active_run_of, only_run
from qntx.recording.log_levels import LEVELS
from qntx.recording.log_records import (
    STANDARD_FIELDS,
    STORED_PLAIN,
    StoredRecord,
    mark_stored,
    message_of,
    store_record,
)
from qntx.recording.patches import Patches, as_part_of
from qntx.recording.pending_records import ON_ITS_WAY, PendingRecord, last_that_may_change
from qntx.recording.showing import NOW, Shown, is_passed_on

_patches = Patches()


class _Originals:
    """The methods of ``logging`` that ours stand for; what they were when the first run began."""

    is_enabled_for: Any
    make_record: Any
    call_handlers: Any
    handle: Any
    format: Any


_ORIGINAL = _Originals()


class _Thread(threading.local):
    """Per thread: the record that is on its way."""

    #: The logger that ours has just let through, for us and not for the program's handlers; then
    #: the time at which the record was made that they must not see.
    unseen: logging.Logger | float | None = None


_thread = _Thread()


def install(level: int = 0, levels: Mapping[str, int] | None = None) -> None:
    """
    Capture the records of runs from info on, and those below that the program lets through.

    *level*: none below it (0: all); *levels*: from another level than info on, by logger. No
    reconfiguration of logging (handlers removed, propagation off, loggers or levels disabled) can
    switch it off. What reaches the program's own handlers stays exactly as it was.
    """
    LEVELS.set(level, levels or {})
    logger, handler, original = logging.Logger, logging.Handler, _ORIGINAL
    original.is_enabled_for = _patches.replace(logger, "isEnabledFor", _is_enabled_for)
    original.make_record = _patches.replace(logger, "makeRecord", _make_record)
    original.call_handlers = _patches.replace(logger, "callHandlers", _call_handlers)
    original.handle = _patches.replace(handler, "handle", _handle)
    original.format = _patches.replace(handler, "format", _format)


def uninstall() -> None:
    """Put the methods of ``logging`` back."""
    _patches.put_back()


#: The file of ``logging``'s own frames.
_FILE = logging.Logger._log.__code__.co_filename
_ADAPTER_ASKING = logging.LoggerAdapter.isEnabledFor.__code__
#: There is nothing for the handlers of the program.
_NOTHING: Any = object()


def _lets_through(logger: logging.Logger) -> bool:
    """
    Whether a record that the program's settings leave out is made for us.

    Only where a logging call asks: to a question of the program itself (before it computes what it
    would log) the answer is the program's.
    """
    if SCOPE.get() is None and only_run() is None:
        return False
    frame = sys._getframe(2)
    if frame.f_code is _ADAPTER_ASKING and frame.f_back is not None:
        return frame.f_back.f_code.co_filename == _FILE  # the adapter's logger is asked again
    if frame.f_code.co_filename != _FILE:
        return False
    _thread.unseen = logger
    return True


def _note_unseen(logger: logging.Logger, record: logging.LogRecord) -> None:
    """*record* was made after ours let something through: see whether it is that."""
    opened, _thread.unseen = _thread.unseen, None
    if opened is not logger or _ORIGINAL.is_enabled_for(logger, record.levelno):
        return
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_name in ("makeRecord", "_log"):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename != _FILE:
        return  # made past the question, and so for the program's handlers (SQLAlchemy's echo)
    _thread.unseen = record.created
    if logger.disabled:  # it goes no further
        passed = logger.filter(record)
        if passed:
            _before_handlers(logger, record if passed is True else passed)


def _is_unseen(logger: logging.Logger, record: logging.LogRecord) -> bool:
    """Whether the handlers of the program must not see *record*."""
    unseen, _thread.unseen = _thread.unseen, None
    if isinstance(unseen, float):
        return record.created == unseen
    # A subclass makes records of its own.
    return unseen is logger and not _ORIGINAL.is_enabled_for(logger, record.levelno)


def _before_handlers(logger: logging.Logger, record: logging.LogRecord) -> Any:
    """
    *record* has passed the logger's filters: store it, unless handlers may still change it.

    Returns ``_NOTHING`` where they must not see it, else what is to be ended when they had it.
    """
    unseen = _thread.unseen is not None and _is_unseen(logger, record)
    seen = _NOTHING if unseen else None
    is_plain = type(record) is logging.LogRecord
    if not is_plain and isinstance(record, StoredRecord):
        return seen
    scope = SCOPE.get()
    flags = 0
    if scope is None:
        active = only_run()
        flags = UNATTRIBUTED
    else:
        active = ACTIVE_RUNS.get(scope.run) or active_run_of(scope)
    if active is None:
        return seen
    if record.levelno >= LEVELS.lowest and (
        NOW.shown is None or not is_passed_on(message_of(record))
    ):
        last = None if unseen else last_that_may_change(logger, record)
        if last is not None:
            mark_stored(record)
            return PendingRecord((active, scope or active.root, flags), record, last)
        store_record(active, scope or active.root, record, flags)
    if is_plain:
        record.__class__ = STORED_PLAIN
    else:
        mark_stored(record)
    return seen


def _with_renamed_extras(logger: logging.Logger, args: Any, kwargs: Any) -> Any:
    """``makeRecord``; extras named like a record's own fields are renamed, not refused."""
    position = 8  # of *extra* among the arguments
    extra = args[position] if len(args) > position else kwargs.get("extra")
    if not isinstance(extra, dict):
        return _ORIGINAL.make_record(logger, *args, **kwargs)  # raises again
    renamed = {f"extra_{k}" if k in STANDARD_FIELDS else k: v for k, v in extra.items()}
    if len(args) > position:
        args = (*args[:position], renamed, *args[position + 1 :])
    else:
        kwargs = {**kwargs, "extra": renamed}
    return _ORIGINAL.make_record(logger, *args, **kwargs)


def _is_enabled_for_logger(self: logging.Logger, level: int) -> bool:
    if _ORIGINAL.is_enabled_for(self, level):
        return True
    threshold = LEVELS.found.get(self.name)
    if threshold is None:
        threshold = LEVELS.of(self.name)
    return level >= threshold and _lets_through(self)


def _make_logger_record(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
    try:
        record = _ORIGINAL.make_record(self, *args, **kwargs)
    except KeyError:
        record = _with_renamed_extras(self, args, kwargs)
    if _thread.unseen is not None:
        _note_unseen(self, record)
    return record  # type: ignore[no-any-return]


def _call_logger_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    todo = _before_handlers(self, record)
    if todo is None:
        _ORIGINAL.call_handlers(self, record)
    elif todo is not _NOTHING:
        try:
            _ORIGINAL.call_handlers(self, record)
        finally:
            todo.end()


def _handle_pending_record(self: logging.Handler, record: logging.LogRecord) -> Any:
    """
    ``Handler.handle``, storing the record between filters and ``emit``.

    There, because ``emit`` swallows what a signal handler throws: it would swallow it of us.
    """
    pending = ON_ITS_WAY.record
    if pending is None or not pending.is_stored_before(self) or not _is_of_logging():
        return _ORIGINAL.handle(self, record)
    passed: Any = self.filter(record)
    if isinstance(passed, logging.LogRecord):
        record = passed
    if passed:
        pending.store(record)
        self.acquire()
        try:
            self.emit(record)
        finally:
            self.release()
    return passed


def _is_of_logging() -> bool:
    """Whether nobody else has replaced ``Handler.handle``."""
    code = getattr(_ORIGINAL.handle, "__code__", None)
    return code is not None and code.co_filename == _FILE


def _handle_in_handler(self: logging.Handler, record: logging.LogRecord) -> Any:
    if not isinstance(record, StoredRecord):
        return _ORIGINAL.handle(self, record)
    pending = ON_ITS_WAY.record
    if pending is None or not pending.is_about(record):
        with Shown(lambda: message_of(record)):
            return _ORIGINAL.handle(self, record)
    with Shown(lambda: message_of(record)):
        passed = _handle_pending(self, record)
    pending.handled(self, passed)
    return passed


def _format_in_handler(self: logging.Handler, record: logging.LogRecord) -> Any:
    text = _ORIGINAL.format(self, record)
    shown = NOW.shown
    if shown is not None and isinstance(text, str):
        shown.formatted(text)
    return text


_is_enabled_for = as_part_of(logging.Logger.isEnabledFor, _is_enabled_for_logger)
_make_record = as_part_of(logging.Logger.makeRecord, _make_logger_record)
_call_handlers = as_part_of(logging.Logger.callHandlers, _call_logger_handlers)
_handle_pending = as_part_of(logging.Handler.handle, _handle_pending_record)
_handle = as_part_of(logging.Handler.handle, _handle_in_handler)
_format = as_part_of(logging.Handler.format, _format_in_handler)
