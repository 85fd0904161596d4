"""
Exceptions at every place of our code where a signal handler can throw one.

CPython runs signal handlers when a function begins, after a call, and at a jump back. A test by
chance (a timer) hits some of these places; this hits each of them, in turn.
"""

from __future__ import annotations

import contextlib
import dis
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import qntx

#: What it uses of contextlib is a part of it.
OURS = (str(Path(qntx.__file__).parent), contextlib.__file__)
_BEFORE = ("CALL", "JUMP_BACKWARD")


class Struck(BaseException):
    """Thrown in, as by a signal handler."""


def strike() -> None:
    """The handler of a signal that is not expected."""
    raise Struck


class Striker:
    """
    ``with Striker(n) as striker:`` calls *handler* at the *n*-th place in our code (from 0).

    *more* says what strikes after that: (how many places later, handler). ``striker.struck``
    tells where it struck; nothing where there are not that many places.
    """

    def __init__(
        self,
        n: int,
        handler: Callable[[], None] = strike,
        more: tuple[tuple[int, Callable[[], None]], ...] = (),
    ) -> None:
        self._strikes = [(n, handler), *more]
        self._left = n
        self._previous: dict[FrameType, str] = {}
        self._names: dict[CodeType, dict[int, str]] = {}
        self.struck: list[str] = []

    def __enter__(self) -> Striker:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.settrace(None)
        self._previous.clear()

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            self._place(frame)
        elif event == "opcode":
            before = self._previous.get(frame, "")
            self._previous[frame] = self._name(frame)
            if before.startswith(_BEFORE):
                self._place(frame)
        return self._trace

    def _name(self, frame: FrameType) -> str:
        code = frame.f_code
        if code not in self._names:
            self._names[code] = {i.offset: i.opname for i in dis.get_instructions(code)}
        return self._names[code].get(frame.f_lasti, "")

    def _place(self, frame: FrameType) -> None:
        self._left -= 1
        if self._left >= 0 or not self._strikes:
            return
        _, handler = self._strikes.pop(0)
        self._left = self._strikes[0][0] if self._strikes else 0
        self.struck.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        sys.settrace(None)
        handler()
        sys.settrace(self._trace)
