"""
Exceptions at every place of our code where a signal handler can throw one.

CPython runs signal handlers when a function begins, after a call of C code, and at a jump back. A
test by chance (a timer) hits some of these places; this hits each of them, in turn.

What is thrown after a call belongs to the call: where the block of a ``with`` or ``try`` begins
behind it (as on 3.14, with the call that enters a ``with``), the block does not see it. So
does `sys.monitoring` throw it, which 3.11 does not have; there a trace function throws it just
behind the call.
"""

from __future__ import annotations

import contextlib
import dis
import re
import sys
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

import qntx
from tests.support.data_directory import stored

#: What it uses of contextlib is a part of it.
OURS = (str(Path(qntx.__file__).parent), contextlib.__file__)
_BEFORE = ("CALL", "JUMP_BACKWARD")
#: Of the tools of `sys.monitoring`: none that a debugger or coverage takes.
TOOL = 4


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
        self._thread = get_ident()
        self._watch()
        return self

    def __exit__(self, *exc: object) -> None:
        self._look_away()
        self._previous.clear()

    if sys.version_info >= (3, 12):

        def _watch(self) -> None:
            if sys.monitoring.get_tool(TOOL) is None:
                sys.monitoring.use_tool_id(TOOL, "striker")
            register, events = sys.monitoring.register_callback, sys.monitoring.events
            register(TOOL, events.PY_START, self._at_call)
            register(TOOL, events.PY_RESUME, self._at_call)
            register(TOOL, events.C_RETURN, self._at_call)
            register(TOOL, events.JUMP, self._at_jump)
            sys.monitoring.set_events(
                TOOL, events.PY_START | events.PY_RESUME | events.CALL | events.JUMP
            )

        def _look_away(self) -> None:
            if sys.monitoring.get_tool(TOOL) is not None:
                sys.monitoring.set_events(TOOL, 0)
                sys.monitoring.free_tool_id(TOOL)

        def _at_call(self, code: CodeType, offset: int, *_: object) -> None:
            if code.co_filename.startswith(OURS) and get_ident() == self._thread:
                self._place(code)

        def _at_jump(self, code: CodeType, offset: int, target: int) -> None:
            if target < offset:
                self._at_call(code, offset)

    else:

        def _watch(self) -> None:
            sys.settrace(self._trace)

        def _look_away(self) -> None:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            self._place(frame.f_code)
        elif event == "opcode":
            before = self._previous.get(frame, "")
            self._previous[frame] = self._name(frame)
            if before.startswith(_BEFORE):
                self._place(frame.f_code)
        return self._trace

    def _name(self, frame: FrameType) -> str:
        code = frame.f_code
        if code not in self._names:
            self._names[code] = {i.offset: i.opname for i in dis.get_instructions(code)}
        return self._names[code].get(frame.f_lasti, "")

    def _place(self, code: CodeType) -> None:
        self._left -= 1
        if self._left >= 0 or not self._strikes:
            return
        _, handler = self._strikes.pop(0)
        self._left = self._strikes[0][0] if self._strikes else 0
        self.struck.append(code.co_qualname)
        self._look_away()
        handler()
        self._watch()


#: What a handler says after it was struck: no lock is held, and every way is heard as ever.
_AFTERWARDS = """\
def other():
        log.info("other log")
        print("other print")
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "a lock was left held"
    print()  # ends what an exception may have left without a newline
    print("last print")
    log.info("last log")"""


def with_words(program: str, *, say: str, base: str) -> str:
    """*program* with what it is to SAY, the BASE of what is thrown, and what it says AFTERWARDS."""
    words = {"SAY": say, "BASE": base, "AFTERWARDS": _AFTERWARDS}
    return re.sub("|".join(words), lambda word: words[word[0]], program)


def numbers_heard(home: Path) -> set[int]:
    """The numbers (<1>, <2>, …) in the lines of the only job, which holds its last words, too."""
    with stored(home) as store:
        texts = store.texts()
        for text in ("other log", "other print", "last print", "last log"):
            assert text in texts
        assert store.receipt().complete
    return {int(number) for text in texts for number in re.findall(r"<(\d+)>", text)}
