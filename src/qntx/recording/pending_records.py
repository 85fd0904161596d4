"""Records of ``logging`` that are not stored yet: handlers of the program may change them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from qntx.journal.run_scope import Scope
from qntx.recording.context import ActiveRun
from qntx.recording.library_records import append_event
from qntx.recording.log_records import store_record

#: Formatters that change what is said (structlog's), and not only how it looks.
_changing_formatters: list[type] = []
#: Whether handlers of a class, with formatters of a class, may change records.
_changing: dict[tuple[type, type], bool] = {}


def add_changing_formatter(kind: type) -> None:
    """Formatters of class *kind* change what is said: they call :func:`note_event`."""
    if kind not in _changing_formatters:
        _changing_formatters.append(kind)
        _changing.clear()


class PendingRecord:
    """A record whose handlers may still change or drop it; stored when the last of them has not."""

    __slots__ = ("_is_stored", "_place", "before", "dropped", "event", "last", "record", "taken")

    def __init__(
        self, place: tuple[ActiveRun, Scope, int], record: logging.LogRecord, last: Any
    ) -> None:
        self._place = place
        self._is_stored = False
        self.record = record
        #: The last handler of those that may change it.
        self.last = last
        self.taken = self.dropped = False
        #: What a formatter's processors have made of it, where that is known.
        self.event: Mapping[str, Any] | None = None
        self.before = ON_ITS_WAY.record
        ON_ITS_WAY.record = self

    def is_about(self, record: logging.LogRecord) -> bool:
        """Whether *record* is this one, or what a filter has made of it."""
        return not self._is_stored and record.created == self.record.created

    def is_stored_before(self, handler: logging.Handler) -> bool:
        """Whether nobody changes it any more once the filters of *handler* have let it pass."""
        return handler is self.last and not _has_changing_formatter(handler)

    def handled(self, handler: Any, passed: Any) -> None:
        """*handler* has handled it, or its filters have dropped it: *passed* is false then."""
        if not passed:
            self.dropped = True
            return
        self.taken = True
        if isinstance(passed, logging.LogRecord):
            self.record = passed  # since Python 3.12 a filter may give another record
        if handler is self.last:
            self.store(self.record)

    def store(self, record: logging.LogRecord) -> None:
        """Store it as it is now in *record*."""
        if not self._is_stored:
            self._is_stored = True
            active, scope, flags = self._place
            if self.event is None:
                store_record(active, scope, record, flags)
            else:
                append_event(self._place, record.name, record.levelno, self.event)

    def end(self) -> None:
        """All handlers had it: it is stored unless filters have dropped it everywhere."""
        ON_ITS_WAY.record = self.before
        if self.taken or not self.dropped:
            self.store(self.record)


class _OnItsWay(threading.local):
    """Per thread: the record that handlers get, and that is not stored yet."""

    record: PendingRecord | None = None


ON_ITS_WAY = _OnItsWay()


def is_pending(record: logging.LogRecord) -> bool:
    """Whether *record* is not stored yet: a formatter of one of its handlers may change it."""
    pending = ON_ITS_WAY.record
    return pending is not None and pending.is_about(record)


def note_event(record: logging.LogRecord, event: Mapping[str, Any]) -> None:
    """A formatter's processors have made *event* of what *record* says."""
    pending = ON_ITS_WAY.record
    if pending is not None and pending.is_about(record):
        pending.event = event


def _has_changing_formatter(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, tuple(_changing_formatters))


def last_that_may_change(logger: logging.Logger, record: logging.LogRecord) -> Any:
    """The last handler that gets *record* and may change or drop it; None if there is none."""
    last = None
    level = record.levelno
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if handler.filters and level >= handler.level:
                last = handler
                continue
            kind = type(handler), type(handler.formatter)
            changes = _changing.get(kind)
            if changes is None:
                filters = kind[0].filter is not logging.Handler.filter
                changes = _changing[kind] = filters or _has_changing_formatter(handler)
            if changes and level >= handler.level:
                last = handler
        at = at.parent if at.propagate else None
    return last
