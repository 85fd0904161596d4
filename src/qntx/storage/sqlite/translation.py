"""Errors of the driver become ours where they leave the backend."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from qntx.errors import UnstorableValue
from qntx.storage.sqlite.connection import unavailable

Kind = TypeVar("Kind", bound=type)
Method = TypeVar("Method", bound=Callable[..., Any])

#: Values that the database will never take, as against a database that takes nothing now.
_NEVER = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError)
_REFUSING: set[Callable[..., Any]] = set()


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """What the driver raises inside leaves as StoreUnavailable, about the database at *path*."""
    try:
        yield
    except apsw.Error as error:
        raise unavailable(path, error) from error


def translated(kind: Kind) -> Kind:
    """
    Class decorator: what the driver raises in a public method leaves it as StoreUnavailable.

    The class has its connection in ``_db``. Generators are covered while they are walked.
    """
    for name, method in list(vars(kind).items()):
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        wrap = _walking if inspect.isgeneratorfunction(method) else _calling
        setattr(kind, name, wrap(method))
    return kind


def refusing(method: Method) -> Method:
    """
    Decorator of a method of a :func:`translated` class: what the database will never take.

    It leaves the method as UnstorableValue.
    """
    _REFUSING.add(method)
    return method


def _calling(method: Callable[..., Any]) -> Callable[..., Any]:
    never = _NEVER if method in _REFUSING else ()

    @functools.wraps(method)
    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, *arguments, **options)
        except never as error:
            raise UnstorableValue(f"{type(error).__name__}: {error}") from error
        except apsw.Error as error:
            raise unavailable(Path(self._db.filename), error, self._db) from error

    return call


def _walking(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def walk(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            yield from method(self, *arguments, **options)
        except apsw.Error as error:
            raise unavailable(Path(self._db.filename), error, self._db) from error

    return walk
