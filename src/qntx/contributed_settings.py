"""Sections of the settings that installed applications contribute; looked up only if one is set."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, Field, create_model

from qntx.application import installed
from qntx.errors import BadInput, QntxError

PREFIX = "QNTX_"
FILE = "qntx.toml"
Model = TypeVar("Model", bound=BaseModel)


def with_contributed(base: type[Model], given: Mapping[str, Any]) -> type[Model]:
    """
    *base* with the sections of installed applications, if a setting that it does not know is set.

    *given* are arguments; the environment and qntx.toml are looked at, too. Raises BadInput for an
    application that cannot be loaded.
    """
    if all(_knows(base, path) for path in (*_set_in(given), *_set_in_file(), *_set_around())):
        return base
    return _composed(base, tuple(_sections(base).items()))


def whose_section(base: type[BaseModel], place: list[str]) -> str | None:
    """What goes behind "setting … " when it belongs to an application that is not installed."""
    section, *rest = place
    for application in installed():
        code = application.settings.get(section)
        if code is None or not application.missing:
            continue
        try:
            kind = application.load(code)
        except QntxError:
            return application.not_installed
        if section not in base.model_fields or (rest and rest[0] in kind.model_fields):
            return application.not_installed
    return None


def names_in(kind: Any, sections: list[Any]) -> list[str]:
    """The names of the settings of *kind* that stand in *sections*, each within the one before."""
    for section in sections:
        about = getattr(kind, "model_fields", {}).get(section)
        kind = about.annotation if about is not None else None
    return list(getattr(kind, "model_fields", ()))


def _sections(base: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for application in installed():
        if application.missing:
            continue
        for name, code in application.settings.items():
            kind = application.load(code)
            known: Any = base.model_fields.get(name)
            if name in found or (known and not issubclass(kind, known.annotation)):
                raise BadInput(
                    f"the application {application.name!r} brings settings {name!r}, which are "
                    "there already - uninstall it, or have its author choose another name"
                )
            found[name] = kind
    return found


@cache
def _composed(base: type[Model], sections: tuple[tuple[str, type[BaseModel]], ...]) -> type[Model]:
    fields: dict[str, Any] = {name: (kind, Field(default_factory=kind)) for name, kind in sections}
    return create_model(base.__name__, __base__=base, **fields)


def _knows(base: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether *base* has the setting at *path*: a section or a name, or both."""
    found = base.model_fields.get(path[0])
    if found is None:
        return False
    kind = found.annotation
    if len(path) == 1 or not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return True
    return path[1] in kind.model_fields


def _set_in(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((name, str(key)) for key in value)
        yield (name,)


def _set_in_file() -> Iterator[tuple[str, ...]]:
    try:
        with open(FILE, "rb") as file:
            yield from _set_in(tomllib.load(file))
    except (OSError, ValueError):
        return  # whoever reads it in earnest says what is wrong


def _set_around() -> Iterator[tuple[str, ...]]:
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX):
            path = tuple(name[len(PREFIX) :].lower().split("__"))
            yield path[:2]
            if len(path) == 1 and value.lstrip().startswith("{"):
                yield (path[0], "")  # a section as JSON: what is in it is seen by who reads it
