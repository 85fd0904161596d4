"""``print``, ``sys.stdout`` and ``sys.stderr``: every line that is written there."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from qntx.capture.captured_stream import CapturedStream
from qntx.capture.context import ActiveRun

_original_print = builtins.print
_SPACE = " "
#: What stood in ``sys`` before.
_replaced: dict[str, Any] = {}


def _print(*values: object, sep: str | None = _SPACE, end: str | None = "\n", file: Any = None,
           flush: bool = False) -> None:  # fmt: skip
    """``print`` with one append a line instead of two writes."""
    stream = sys.stdout if file is None else file
    if (
        type(stream) is not CapturedStream
        or end != "\n"
        or (sep is not _SPACE and sep is not None and type(sep) is not str)
    ):
        _original_print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    if len(values) == 1 and type(values[0]) is str:
        stream.write_line(values[0])
    else:
        stream.write_line((" " if sep is None else sep).join(map(str, values)))
    if flush:
        stream.flush()


def install(stdout: Any, stderr: Any) -> None:
    """Stand in for ``sys.stdout``, ``sys.stderr`` and ``print``; the rest goes to those given."""
    for name, original in (("stdout", stdout), ("stderr", stderr)):
        current = getattr(sys, name)
        if not isinstance(current, CapturedStream):
            _replaced[name] = current
            setattr(sys, name, CapturedStream(name, original))
    builtins.print = _print


def after_fork_in_child() -> None:
    """Another thread may have been in the middle of a write: its lock and its text are not ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, CapturedStream):
            stream.after_fork_in_child()


def lead_to(stdout: Any, stderr: Any) -> None:
    """Pass what is captured on to other streams than until now; None: to nobody."""
    for stream, target in ((sys.stdout, stdout), (sys.stderr, stderr)):
        if isinstance(stream, CapturedStream):
            stream.lead_to(target)


def uninstall() -> None:
    """Put back what stood there before."""
    for name, original in _replaced.items():
        current = getattr(sys, name)
        if isinstance(current, CapturedStream):
            current.flush()
            current.lead_to(original)  # whoever keeps ours
            setattr(sys, name, original)
    _replaced.clear()
    builtins.print = _original_print


def stood_in_for(stream: Any, *, binary: bool = False) -> str | None:
    """``stdout`` or ``stderr`` if *stream* (or its *binary* side) is what ours has replaced."""
    for name, original in _replaced.items():
        if stream is not None and stream is (
            getattr(original, "buffer", None) if binary else original
        ):
            return name
    return None


def flush(stream: Any) -> None:
    """Flush a stream, whatever it is."""
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        pass  # closed, or none at all


def finish(active: ActiveRun) -> None:
    """A run is over: nothing of its output waits for a newline any more."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, CapturedStream):
            stream.finish(active)


__all__ = ["CapturedStream", "after_fork_in_child", "finish", "flush", "install", "lead_to",
           "stood_in_for", "uninstall"]  # fmt: skip
