"""Records of logging libraries beside ``logging``: from what they hold to a line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from typing import Any

from qntx.journal.format import LEVEL_MAX, LEVEL_MIN
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.model.log import CRITICAL, DEBUG, ERROR, INFO, WARN
from qntx.recording.context import ActiveRun
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.lines import WRONG_CALL, append_line, masked
from qntx.recording.templates import is_template, template_fields, template_text

#: Levels by the names of structlog's methods, and by those that its processors note.
LEVEL_NAMES = {
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
#: What structlog adds for its own use, and what a line says anyway.
_NOT_FIELDS = ("_record", "_from_structlog", "timestamp")

Place = tuple[ActiveRun, Scope, int]


def append_record(
    place: Place,
    logger: str | None,
    level: int,
    message: object,
    fields: Mapping[str, Any],
    error: BaseException | None = None,
) -> None:
    """Append the line of one record at *place*; *error* goes with it."""
    active, scope, flags = place
    text = message if type(message) is str else str(message)
    metadata = dict(fields)
    if is_template(message):
        text, metadata = template_text(message), {**template_fields(message), **metadata}
    if error is not None:
        metadata.update(exception_metadata(error))
        text = f"{text}\n{traceback_text(error)}"
    origin = active.journal.origin("logging", logger)
    if origin.epoch is None:  # not written yet: names may contain secrets, too
        origin.logger = masked(origin.logger)
    level = max(LEVEL_MIN, min(level, LEVEL_MAX))
    try:
        append_line(active, scope, level, origin, text, metadata, flags)
    except WRONG_CALL as wrong:
        reraise_from_signal(wrong)
        more = {"capture_error": f"{type(wrong).__name__}: {wrong}"}
        append_line(active, scope, WARN, origin, text, more, flags)


def append_event(
    place: Place,
    logger: str | None,
    level: int,
    event: Mapping[str, Any],
    error: BaseException | None = None,
) -> None:
    """
    Append the line of an event of structlog, as its processors have left it, at *place*.

    *error*: the exception that it was given, which a processor may have made a text.
    """
    fields = {name: value for name, value in event.items() if name not in _NOT_FIELDS}
    message = fields.pop("event", "")
    name = fields.pop("logger", logger)
    level = LEVEL_NAMES.get(str(fields.pop("level", "")).lower(), level)
    given = error_of(fields.pop("exc_info", None))
    text = fields.get("exception")
    if given is None and isinstance(text, str):
        if error is not None and text.strip() == "".join(traceback.format_exception(error)).strip():
            given = error
            del fields["exception"]
        else:
            message = f"{message}\n{text}"
    append_record(place, None if name is None else str(name), level, message, fields, given)


def error_of(given: Any) -> BaseException | None:
    """The exception that structlog's ``exc_info`` stands for, in all its forms."""
    if isinstance(given, tuple) and len(given) > 1:
        given = given[1]
    if isinstance(given, BaseException):
        return given
    return sys.exc_info()[1] if given else None
