"""The streams that handlers of ``logging`` hold from before the run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from qntx.recording import streams
from qntx.recording.captured_stream import CapturedStream

#: Handlers of the program and what they print with; the attributes that held a stream, and it.
_redirected: list[tuple[Any, str, Any]] = []


def redirect() -> None:
    """
    Handlers that were made before the run hold the stream that ours stands in for: give them ours.

    Otherwise what they print goes past Python, and is captured a second time. The same goes for
    what a handler holds to print with, as rich's Console.
    """
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        if handler is None:
            continue
        if isinstance(handler, logging.StreamHandler):
            handler.flush()
        of_its_class = _of_classes.get(type(handler))
        if of_its_class is None:
            values = [value for kind in type(handler).__mro__ for value in vars(kind).values()]
            of_its_class = _of_classes[type(handler)] = _holders(values)
        for holder in (handler, *_holders(vars(handler).values()), *of_its_class):
            _redirect(holder)


#: What the classes of handlers hold: looked for once, since every run would look again.
_of_classes: WeakKeyDictionary[type, list[Any]] = WeakKeyDictionary()
#: What is no object that a handler prints with.
_NO_HOLDERS = (type, FunctionType, ModuleType)


def _holders(values: Iterable[Any]) -> list[Any]:
    return [v for v in values if not isinstance(v, _NO_HOLDERS) and hasattr(v, "__dict__")]


def _redirect(holder: Any) -> None:
    for attribute, stream in list(vars(holder).items()):
        name = streams.name_of_replaced(stream)
        if name is not None:
            with suppress(AttributeError, TypeError, ValueError):
                setattr(holder, attribute, getattr(sys, name))
                _redirected.append((holder, attribute, stream))


def restore() -> None:
    """Give them the streams that they had."""
    for holder, attribute, stream in _redirected:
        if isinstance(getattr(holder, attribute, None), CapturedStream):
            setattr(holder, attribute, stream)
    _redirected.clear()
