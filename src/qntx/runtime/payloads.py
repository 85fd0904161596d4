"""The types of payloads: what a handler declares, what fits it, and what JSON makes of it."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from qntx.errors import BadInput


def payload_type(function: Callable[..., Any]) -> Any:
    """
    What the second parameter of a handler is annotated with; None when with nothing.

    Raises BadInput for a name that is not there when the program runs: nothing could be checked.
    """
    names = [n for n in inspect.signature(function).parameters if n != "self"]
    if len(names) < 2:
        return None
    code = code_of(function)
    # Only this one is looked up: the others may be there for a type checker alone.
    wanted = types.SimpleNamespace(
        __annotations__={names[1]: inspect.get_annotations(code).get(names[1])}
    )
    try:
        found = typing.get_type_hints(wanted, getattr(code, "__globals__", None))[names[1]]
    except NameError as error:
        raise BadInput(
            f"the payload of handler {code.__qualname__} cannot be checked: {error} - define or "
            "import its type at the top of the module, not only for the type checker"
        ) from None
    return None if found in (type(None), Any, dict, object) else found


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
