"""What `import qntx` offers: names, and signatures that mention only what can be imported, too."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import qntx
import qntx.application
import qntx.config
import qntx.errors
import qntx.testing

#: Beside `qntx` itself: what stands in these is public.
PUBLIC_MODULES = (qntx, qntx.application, qntx.config, qntx.errors, qntx.testing)
#: Made by the runtime and handed to a handler or caller; nobody else calls them.
NOT_CALLED = ("JobContext", "Captured", "LogCapturingEmitter")


def functions(name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Each function that somebody who has the public *name* may call."""
    thing = getattr(qntx, name)
    if not isinstance(thing, type):
        yield name, thing
        return
    for attribute in dir(thing):
        found = inspect.getattr_static(thing, attribute)
        made = attribute == "__init__" and name not in NOT_CALLED
        if attribute.startswith("_") and not made:
            continue
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        if isinstance(found, property):
            found = found.fget
        # What a class has from elsewhere (pydantic, Exception) is documented there.
        if inspect.isfunction(found) and found.__module__.startswith("qntx"):
            yield f"{name}.{attribute}", found


FUNCTIONS = dict(found for name in qntx.__all__ for found in functions(name))
FUNCTIONS |= {"testing.run_job": qntx.testing.run_job, "config.load": qntx.config.load}


def mentioned(hint: Any) -> Iterator[type]:
    """The types of ours that *hint* is made of."""
    if isinstance(hint, typing.TypeVar):
        hint = hint.__bound__
    if isinstance(hint, list):  # the parameters of a Callable
        for part in hint:
            yield from mentioned(part)
    for part in typing.get_args(hint):
        yield from mentioned(part)
    if isinstance(hint, type) and hint.__module__.partition(".")[0] == "qntx":
        yield hint


def test_public_names_are_listed_and_there() -> None:
    assert [name for name in dir(qntx) if not name.startswith("_")] == sorted(qntx.__all__)
    assert set(qntx._HOMES) == set(qntx.__all__)
    for name in qntx.__all__:
        assert getattr(qntx, name).__name__ == name
        assert getattr(qntx, name).__doc__


def test_capture_is_a_function() -> None:
    assert isinstance(qntx.capture, types.FunctionType)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'qntx' has no attribute 'Appp'"):
        qntx.Appp


@pytest.mark.slow
def test_importing_it_loads_nothing_else_of_it_but_the_look_at_the_platform() -> None:
    code = "import sys, qntx; print([name for name in sys.modules if name.startswith('qntx.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['qntx.linux']\n"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_types_that_a_signature_mentions_are_public(name: str) -> None:
    function = inspect.unwrap(FUNCTIONS[name])
    # Some modules import types for the type checker alone; what is public is found all the same.
    names = {public: getattr(qntx, public) for public in qntx.__all__}
    for about, hint in typing.get_type_hints(function, localns=names).items():
        for kind in mentioned(hint):
            public = any(getattr(place, kind.__name__, None) is kind for place in PUBLIC_MODULES)
            assert public, f"{about} of {name} is {kind}: it cannot be imported from qntx"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_keyword_is_written_out(name: str) -> None:
    """`**metadata` of a log line may be anything; options may not."""
    for parameter in inspect.signature(FUNCTIONS[name]).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name != "metadata":
            assert parameter.annotation not in ("Any", Any), f"{name} takes **{parameter.name}: Any"
