"""Exceptions as data (type, message, frames, chain, group) and as the text people know."""

from __future__ import annotations

import traceback
from typing import Any

from qntx.journal.interrupts import reraise_from_signal

#: A traceback of more frames is shortened in the middle (in metadata and message alike).
MAX_FRAMES = 200
MAX_CHAIN = 20


def exception_metadata(error: BaseException) -> dict[str, Any]:
    """*error* as metadata: ``{"exception": {type, message, frames, cause|context, group}}``."""
    try:
        return {"exception": _described(error, 0)}
    except Exception as second:  # noqa: BLE001 - exceptions of user code may raise when looked at
        reraise_from_signal(second)
        kind = type(error)
        return {
            "exception": {
                "type": f"{kind.__module__}.{kind.__qualname__}",
                "unreadable": type(second).__name__,
            }
        }


def traceback_text(error: BaseException) -> str:
    """The traceback of *error* as Python prints it, without the final newline."""
    try:
        shown = traceback.TracebackException.from_exception(error, limit=-MAX_FRAMES, compact=True)
        return "".join(shown.format()).rstrip("\n")
    except Exception as second:  # noqa: BLE001 - see above
        reraise_from_signal(second)
        return f"{type(error).__name__} (its traceback cannot be shown: {type(second).__name__})"


def _described(error: BaseException, depth: int) -> dict[str, Any]:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__, limit=-MAX_FRAMES)
    found: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "message": error_text(error),
        "frames": [
            {"file": f.filename, "line": f.lineno, "function": f.name, "code": f.line}
            for f in frames
        ],
    }
    notes = getattr(error, "__notes__", None)
    if notes:
        found["notes"] = [str(note) for note in notes]
    if depth >= MAX_CHAIN:
        return found
    if error.__cause__ is not None:
        found["cause"] = _described(error.__cause__, depth + 1)
    elif error.__context__ is not None and not error.__suppress_context__:
        found["context"] = _described(error.__context__, depth + 1)
    if isinstance(error, BaseExceptionGroup):
        found["group"] = [_described(inner, depth + 1) for inner in error.exceptions]
    return found


def error_text(error: BaseException) -> str:
    """``str(error)``, whatever that does."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - __str__ of user code
        reraise_from_signal(second)
        return f"{type(error).__name__} (its text cannot be shown: {type(second).__name__})"
