"""The streams that handlers of ``logging`` hold from before the run."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

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
        held = [value for kind in type(handler).__mro__ for value in vars(kind).values()]
        for holder in (handler, *vars(handler).values(), *held):
            if not isinstance(holder, type | FunctionType | ModuleType) and hasattr(
                holder, "__dict__"
            ):
                _redirect(holder)


#: What is no object that a handler prints with.
_NO_HOLDERS = (type, FunctionType, ModuleType)


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
