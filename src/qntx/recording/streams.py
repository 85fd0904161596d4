"""``print``, ``sys.stdout`` and ``sys.stderr``: every line that is written there."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from qntx.journal.interrupts import reraise_from_signal
from qntx.recording.captured_stream import CapturedStream
from qntx.recording.context import ActiveRun
from qntx.recording.patches import Patches

_patches = Patches()
_original_print: Callable[..., None]
_SPACE = " "
_NUMBERS = {"stdout": 1, "stderr": 2}
#: The streams that stand in now, or did last.
_current: dict[str, CapturedStream] = {}
#: They, and earlier ones that somebody still has: a program may leave its own in ``sys``.
_streams: WeakSet[CapturedStream] = WeakSet()


def _print(
    *values: object,
    sep: str | None = _SPACE,
    end: str | None = "\n",
    file: Any = None,
    flush: bool = False,
) -> None:
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


# Who sends it to another process or interpreter sends it by its name; there it is Python's own.
_print.__module__, _print.__name__, _print.__qualname__ = "builtins", "print", "print"


def install(target_of: Callable[[Any, int], Any]) -> None:
    """
    Stand in for ``sys.stdout``, ``sys.stderr`` and ``print``.

    *target_of* gives where captured text is forwarded to, by the stream replaced and its number.
    Whoever kept a stream of ours from an earlier run has the one in force now, too.
    """
    global _original_print
    for name in _NUMBERS:
        current = getattr(sys, name)
        ours = _current.get(name)
        if isinstance(current, CapturedStream):
            ours = current
        elif ours is None or ours.replaced is not current:
            ours = CapturedStream(name, current)
            _streams.add(ours)
        _current[name] = ours
        setattr(sys, name, ours)
    for stream in _streams:
        stream.forward_to(target_of(stream.replaced, _NUMBERS[stream.source]))
    _original_print = _patches.replace(builtins, "print", _print)


def after_fork_in_child() -> None:
    """Another thread may have been in the middle of a write: its lock and its text are not ours."""
    for stream in _streams:
        stream.after_fork_in_child()


def forward_to(*targets: Any) -> None:
    """Forward what is captured to other streams (stdout, stderr) from now on; None: to none."""
    for stream in _streams:
        stream.forward_to(targets[_NUMBERS[stream.source] - 1])


def uninstall() -> None:
    """Put back what stood there before; whoever keeps ours writes to that, too."""
    for name in _NUMBERS:
        current = getattr(sys, name)
        if isinstance(current, CapturedStream):
            setattr(sys, name, current.replaced)
    for stream in _streams:
        stream.flush()
        stream.forward_to(stream.replaced)
    _patches.put_back()


def name_of_replaced(stream: Any, *, binary: bool = False) -> str | None:
    """``stdout`` or ``stderr`` if *stream* (or its *binary* side) is what ours has replaced."""
    for name, ours in _current.items():
        original = getattr(ours.replaced, "buffer", None) if binary else ours.replaced
        if stream is not None and stream is original:
            return name
    return None


def flush(stream: Any) -> None:
    """Flush a stream, whatever it is."""
    try:
        stream.flush()
    except Exception as error:  # noqa: BLE001 - closed, none at all, or a class of the program
        reraise_from_signal(error)


def finish(active: ActiveRun) -> None:
    """A run is over: nothing of its output waits for a newline, or in a buffer, any more."""
    for name in _NUMBERS:
        flush(getattr(sys, name))  # the program may have put a stream of its own before ours
    for stream in _streams:
        stream.finish(active)


__all__ = [
    "CapturedStream",
    "after_fork_in_child",
    "finish",
    "flush",
    "forward_to",
    "install",
    "name_of_replaced",
    "uninstall",
]
