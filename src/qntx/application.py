"""What an installed package adds to qntx: plain data, found by the entry point ``qntx.apps``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qntx.errors import BadInput

#: The group of entry points that name an `Application`, an `App` or a `Registry`.
GROUP = "qntx.apps"


class HandlerNames(Protocol):
    """Names of handlers: a registry, or a set of them."""

    def __contains__(self, name: str, /) -> bool:
        """Whether a handler has this name."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the CLI: the click command *code* (``package.module:name``), and its *help*."""

    code: str
    help: str


@dataclass(frozen=True, slots=True)
class Page:
    """
    A place of the web UI's navigation; *below* are more paths that belong to it.

    *path* is one that the UI has a view for, or a route of the application's own below ``/api/``.
    """

    path: str
    title: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedCode:
    """
    What a line of ATS code asks for: a handler and its payload, and when.

    *source* is shown as what the schedule works on. At most one of *every*, *cron* and *run_at*
    says when; none leaves it to the other fields of the schedule.
    """

    handler_name: str
    payload: Any
    source: str
    every: str | None = None
    cron: str | None = None
    run_at: str | None = None


class CodeResolver(Protocol):
    """Turns a line of ATS code into what a schedule runs; raises BadInput with what is wrong."""

    def __call__(self, code: str, registered: HandlerNames, actor: str, /) -> ResolvedCode:
        """What *code* asks for, on behalf of *actor*."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Application:
    """
    What a package adds to qntx.

    Whatever is code is named as ``package.module:name`` and imported when it is needed, so the
    module that holds the description should import nothing but this class.
    """

    name: str
    #: Each an `App` or `Registry`: its handlers, schedules and ports.
    registries: Sequence[str] = ()
    #: A mapping of ports to what makes their adapters from the settings; see `App.provide`.
    ports: str | None = None
    #: Section of the settings → its class, a `qntx.config.Section`.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: Backend ("sqlite") → the package that holds its migrations, ``0001_name.sql`` and so on.
    migrations: Mapping[str, str] = field(default_factory=dict)
    #: Each a list of Litestar routes below ``/api/``.
    routes: Sequence[str] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    #: First word of ATS code → its `CodeResolver`.
    codes: Mapping[str, str] = field(default_factory=dict)
    pages: Sequence[Page] = ()
    #: Distributions that its code needs; while one is missing, nothing of it is used.
    requires: Sequence[str] = ()
    #: What to type to get them.
    install: str = ""

    @property
    def missing(self) -> list[str]:
        """The distributions that it requires and that are not installed."""
        from importlib.metadata import PackageNotFoundError, distribution

        found = []
        for name in self.requires:
            try:
                distribution(name)
            except PackageNotFoundError:
                found.append(name)
        return found

    @property
    def not_installed(self) -> str:
        """What to say of something of an application that lacks what it requires."""
        advice = self.install or f"pip install {' '.join(self.missing)}"
        return f"belongs to the application {self.name!r}, which is not installed - {advice}"

    def load(self, code: str) -> Any:
        """The object that *code* names; raises BadInput that says whose it is."""
        return load_code(code, f"the application {self.name!r}")


def load_code(code: str, whose: str) -> Any:
    """The object called *code* (``package.module:name``); raises BadInput with *whose* it is."""
    from pkgutil import resolve_name

    try:
        return resolve_name(code)
    except Exception as error:  # importing runs code of others
        raise BadInput(
            f"{whose} names {code!r}, which cannot be loaded: {error} - repair or uninstall the "
            "package that declares it"
        ) from error


def declared() -> list[tuple[str, Any]]:
    """
    What the entry points of installed packages name: (how to call it in an error, the object).

    It takes some 20 ms to look through all packages: not for a command that needs none of them.
    Raises BadInput with the entry point that cannot be loaded.
    """
    from importlib.metadata import entry_points

    found = []
    for point in entry_points(group=GROUP):
        shown = f"the entry point {point.name!r} = {point.value!r}"
        try:
            found.append((shown, point.load()))
        except Exception as error:  # importing runs code of others
            raise BadInput(
                f"{shown} cannot be loaded: {error} - "
                "repair or uninstall the package that declares it"
            ) from error
    return found


def installed() -> list[Application]:
    """The descriptions among what installed packages declare; raises as :func:`declared`."""
    return [found for _, found in declared() if isinstance(found, Application)]


def unusable_code(word: str) -> str | None:
    """Why ATS code that begins with *word* cannot be used, if its application lacks something."""
    for application in installed():
        if word in application.codes and application.missing:
            return f"{word!r} {application.not_installed}"
    return None
