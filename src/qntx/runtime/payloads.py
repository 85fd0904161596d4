"""The types of payloads: what a handler declares, what fits it, and what JSON makes of it."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any


def payload_type(function: Callable[..., Any]) -> Any:
    """
    What the second parameter of a handler is annotated with; None when with nothing.

    Raises NameError for a type that is not there yet, or that only a type checker sees.
    """
    names = [n for n in _signature(function).parameters if n != "self"]
    if len(names) < 2:
        return None
    code = code_of(function)
    # Only this one is looked up: the others may be there for a type checker alone.
    wanted = types.SimpleNamespace(__annotations__={names[1]: _annotations(code).get(names[1])})
    try:
        found = typing.get_type_hints(wanted, getattr(code, "__globals__", None))[names[1]]
    except NameError as error:
        raise NameError(
            f"its parameter {names[1]!r} is annotated with a type that is not there when the "
            f"program runs ({error})"
        ) from None
    return None if found in (type(None), Any, dict, object) else found


if sys.version_info >= (3, 14):
    # Annotations are evaluated when they are asked for, all of them, unless told otherwise.
    from annotationlib import Format, get_annotations

    def _signature(function: Callable[..., Any]) -> inspect.Signature:
        return inspect.signature(function, annotation_format=Format.FORWARDREF)

    def _annotations(code: Any) -> dict[str, Any]:
        return get_annotations(code, format=Format.FORWARDREF)

else:
    _signature = inspect.signature
    _annotations = inspect.get_annotations


def code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the annotations of *function* are: within a wrapper, a partial or a callable object."""
    code = inspect.unwrap(function)
    if isinstance(code, functools.partial):
        return code_of(code.func)
    return code if inspect.isroutine(code) else code_of(type(code).__call__)


def is_one(data: Any, kind: Any) -> bool:
    """Whether *data* is an object of the type *kind* already."""
    return isinstance(kind, type) and not typing.is_typeddict(kind) and isinstance(data, kind)


def validated(kind: Any, data: Any) -> Any:
    """*data* as a pydantic model, wherever in a payload it stands."""
    if hasattr(kind, "model_validate"):
        return kind.model_validate(data)
    raise TypeError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(data).__name__}`")


def dumped(model: Any) -> Any:
    """A pydantic model in the form that is read again: with aliases, without what is computed."""
    if hasattr(model, "model_dump"):
        return model.model_dump(mode="json", by_alias=True, round_trip=True)
    raise TypeError(f"JSON has nothing like {type(model).__name__}")


def fault(error: Exception) -> str:
    """What does not fit, in one line; pydantic tells a story of several."""
    errors = getattr(error.__cause__, "errors", None)
    if not callable(errors):
        return str(error)
    _, _, place = str(error).partition(" - at `$.")
    before = [place.rstrip("`")] if place else []
    return "; ".join(
        f"{item['msg']} (at {'.'.join([*before, *map(str, item['loc'])]) or 'the top'})"
        for item in errors()[:5]
    )
