"""Applications are looked up only where they are needed, and what is wrong with one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from litestar import get

from qntx.api.contributed import routes
from qntx.app import App
from qntx.application import Application
from qntx.builtin import built_in_app
from qntx.cli import main
from qntx.config import Section, load
from qntx.errors import BadInput

Declare = Callable[..., None]


class Unlike(Section):
    """A section that is no addition to the one of its name."""


@get("/orders", sync_to_thread=False)
def outside() -> str:
    """A route that would be answered without a token."""
    return ""


ROUTES = [outside]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Pretend that installed packages declare these; an error is raised when it is loaded."""

    def declare(*found: Any) -> None:
        def load_one(value: Any) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        points = [
            SimpleNamespace(
                name=f"p{number}", value="m:x", load=lambda value=value: load_one(value)
            )
            for number, value in enumerate(found)
        ]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)

    return declare


def test_a_command_that_needs_none_does_not_look_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clean: None
) -> None:
    def refuse(group: str) -> None:
        raise LookupError(f"looked for {group}")

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    home = ["--home", str(tmp_path)]
    done = CliRunner().invoke(main, [*home, "jobs"])
    assert done.exit_code == 0, done.output
    monkeypatch.setenv("QNTX_LLM__MODEL", "x")
    with pytest.raises(LookupError):
        CliRunner().invoke(main, [*home, "jobs"], catch_exceptions=False)


def test_help_is_there_whatever_an_application_does(declare: Declare) -> None:
    declare(RuntimeError("broken on import"))
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert "List jobs, newest first" in done.output
    assert "cannot be loaded: broken on import" in " ".join(done.output.split())


def test_words_of_code_belong_to_one_application(declare: Declare, tmp_path: Path) -> None:
    declare(
        Application(name="one", codes={"w": "a:b"}), Application(name="two", codes={"w": "c:d"})
    )
    with pytest.raises(BadInput, match="'w' is resolved by 'a:b' already, so not by 'c:d'"):
        built_in_app(home=tmp_path)


def test_a_section_of_the_runtime_is_only_added_to(declare: Declare) -> None:
    declare(Application(name="one", settings={"server": f"{__name__}:Unlike"}))
    with pytest.raises(BadInput, match="'one' brings settings 'server', which are there already"):
        load(nothing={})


def test_a_route_without_a_guard_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'one' has a route '/orders' - .* below /api/"):
        routes([Application(name="one", routes=(f"{__name__}:ROUTES",))])


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'one' names 'no\.such:thing', which cannot be loaded"):
        App(home=tmp_path).include(Application(name="one", registries=("no.such:thing",)))


def test_what_lacks_a_distribution_is_left_out(declare: Declare, tmp_path: Path) -> None:
    lacking = Application(name="one", registries=("no.such:thing",), requires=("no-such-thing",))
    declare(lacking)
    assert built_in_app(home=tmp_path).applications == []
    assert "'one', which is not installed - pip install no-such-thing" in lacking.not_installed
