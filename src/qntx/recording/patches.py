"""Attributes of the standard library and of others, replaced while something is recorded."""

from __future__ import annotations

from types import FunctionType
from typing import Any


def as_part_of(theirs: Any, ours: Any) -> Any:
    """
    *ours*, to whoever walks the stack a function of the module of *theirs*, which it stands for.

    The search for the caller of a logging call (``findCaller``, loguru's InterceptHandler,
    structlog) goes on while a frame is of the library's file or module. *ours* sees its module's
    names as they are now: what changes later belongs into an object.
    """
    like = theirs.__code__
    code = ours.__code__.replace(
        co_filename=like.co_filename,
        co_name=like.co_name,
        co_qualname=like.co_qualname,
        co_firstlineno=like.co_firstlineno,
    )
    names = {**ours.__globals__, "__name__": theirs.__globals__["__name__"]}
    function = FunctionType(code, names, ours.__name__, ours.__defaults__, ours.__closure__)
    function.__kwdefaults__ = ours.__kwdefaults__
    function.__module__, function.__doc__ = ours.__module__, ours.__doc__
    return function


class Patches:
    """
    Replaces attributes of modules and classes, and puts back what was there.

    Somebody else may patch the same attribute meanwhile. What is put back is what was found; what
    stands over ours is left alone, and ours then calls what it has always called: theirs may call
    ours, and must not be called by it.
    """

    def __init__(self) -> None:
        #: By owner and name: what ours calls.
        self._originals: dict[tuple[int, str], Any] = {}
        #: What to put back, by owner and name: owner, name, ours, what was there.
        self._replaced: dict[tuple[int, str], list[tuple[Any, str, Any, Any]]] = {}
        #: Those over which somebody else's stood when ours should have been taken away.
        self._covered: set[tuple[int, str]] = set()

    def replace(self, owner: Any, name: str, ours: Any) -> Any:
        """Put *ours* in the place of *owner*'s attribute *name*; returns what it is to call."""
        key = (id(owner), name)
        found = getattr(owner, name)
        if found is not ours:
            if key not in self._covered:
                self._originals[key] = found
            self._replaced.setdefault(key, []).append((owner, name, ours, found))
            setattr(owner, name, ours)
        elif key not in self._replaced:
            # Somebody took theirs away after the recording, and found ours below it.
            self._replaced[key] = [(owner, name, ours, self._originals[key])]
        return self._originals[key]

    def are_in_place(self) -> bool:
        """Whether all were replaced and nobody stands over ours: then there is nothing to do."""
        for entries in self._replaced.values():
            owner, name, ours, _ = entries[-1]
            if getattr(owner, name) is not ours:
                return False
        return bool(self._replaced)

    def put_back(self) -> None:
        """Put back what was there wherever ours still is."""
        for key, entries in reversed(self._replaced.items()):
            for owner, name, ours, found in reversed(entries):
                if getattr(owner, name) is ours:
                    setattr(owner, name, found)
                else:
                    self._covered.add(key)
        self._replaced.clear()
