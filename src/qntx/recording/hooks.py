"""What Python itself reports: warnings, and exceptions that nobody caught."""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from qntx.journal.interrupts import reraise_from_signal
from qntx.model.log import CRITICAL, ERROR, WARN
from qntx.recording.context import current_place
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.lines import append_line
from qntx.recording.showing import Shown

#: What was there before, by what stands there now. It stays when ours are gone: somebody who saved
#: one of ours may put it back, and call it.
_previous: dict[Any, Any] = {}
#: What was there before the first run.
_first: dict[Any, Any] = {}


#: Hooks that write nothing but what they are given to show.
_PYTHONS_OWN = (
    warnings._showwarning_orig,  # type: ignore[attr-defined]
    threading.__excepthook__,
    sys.__unraisablehook__,
    sys.__excepthook__,
)


class _Showing(threading.local):
    """Per thread: which of our hooks has called what was there before it."""

    hook: Any = None


_showing = _Showing()


def _hooks() -> tuple[tuple[Any, str, Any], ...]:
    return (
        (warnings, "showwarning", _showwarning),
        (threading, "excepthook", _thread_exception),
        (sys, "unraisablehook", _unraisable),
        (sys, "excepthook", _uncaught),
    )


def install() -> None:
    """Capture warnings, uncaught exceptions of threads, and unraisable ones."""
    for owner, name, ours in _hooks():
        found = getattr(owner, name)
        if found is not ours:
            _previous[ours] = found
            _first.setdefault(ours, found)
            setattr(owner, name, ours)


def uninstall() -> None:
    """Put back the hooks that are still ours."""
    for owner, name, ours in _hooks():
        if getattr(owner, name) is ours:
            setattr(owner, name, _previous[ours])


def _showwarning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    where = current_place()
    if where is None or file is not None or _showing.hook is _showwarning:
        _call_previous(_showwarning, message, category, filename, lineno, file, line)
        return
    active, scope, flags = where
    text = f"{category.__name__}: {message}"
    metadata = {"category": category.__name__, "file": filename, "line": lineno}
    append_line(active, scope, WARN, active.journal.origin("warning"), text, metadata, flags)
    shown = warnings.formatwarning(message, category, filename, lineno, line)
    _show_uncaptured(shown, _showwarning, message, category, filename, lineno, file, line)


def _thread_exception(args: threading.ExceptHookArgs) -> None:
    error = args.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    name = args.thread.name if args.thread is not None else "?"
    if _showing.hook is not _thread_exception:
        _log(error, ERROR, f"uncaught exception in thread {name}", {"thread": name})
    _show_uncaptured(_traceback(error), _thread_exception, args)


def _unraisable(args: Any, *, default: Callable[[Any], object] = sys.__unraisablehook__) -> None:
    if None in (_showing, _show_uncaptured):
        default(args)  # the interpreter is at its end, and has cleared this module
        return
    error = args.exc_value
    if error is not None and _showing.hook is not _unraisable:
        what = args.err_msg or f"exception ignored in {type(args.object).__name__}"
        _log(error, ERROR, what, {"unraisable": True})
    _show_uncaptured(_traceback(error), _unraisable, args)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt) and _showing.hook is not _uncaught:
        _log(error, CRITICAL, "uncaught exception", {})
    _show_uncaptured(_traceback(error), _uncaught, kind, error, trace)


def _log(error: BaseException, level: int, what: str, more: dict[str, Any]) -> None:
    where = current_place()
    if where is None:
        return
    active, scope, flags = where
    metadata = {**exception_metadata(error), **more}
    text = f"{what}\n{traceback_text(error)}"
    append_line(active, scope, level, active.journal.origin("exception"), text, metadata, flags)


def _traceback(error: BaseException | None) -> str:
    """What Python itself prints of *error*, whole."""
    return "" if error is None else "".join(traceback.format_exception(error))


def _show_uncaptured(text: str, ours: Callable[..., None], *args: Any) -> None:
    """Let Python show *text* on the console, without it being captured a second time."""
    is_pythons = _previous[ours] in _PYTHONS_OWN
    try:
        with Shown(lambda: text, text, is_whole=is_pythons):
            _call_previous(ours, *args)
    except Exception as error:  # noqa: BLE001 - there may be no console; the log has it
        reraise_from_signal(error)


def _call_previous(ours: Callable[..., None], *args: Any) -> None:
    """
    Call what was there before *ours*.

    That may be a hook set in an earlier run, which calls ours, which it found then: it goes on to
    what was there first, and not round in circles.
    """
    outer = _showing.hook
    _showing.hook = ours
    try:
        (_first if outer is ours else _previous)[ours](*args)
    finally:
        _showing.hook = outer
