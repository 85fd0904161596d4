"""
Exceptions at every place of our code where a signal handler can throw one.

CPython runs signal handlers when a function begins, after a call, and at a jump back. A test by
chance (a timer) hits some of these places; this hits each of them, in turn.
"""

from __future__ import annotations

import contextlib
import dis
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import qntx
from tests.support.data_directory import stored

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
