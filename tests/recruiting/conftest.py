from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.config import Settings
from qntx.storage.sqlite.migrate import open_database
from qntx_recruiting.application import APPLICATION
from qntx_recruiting.ports import RecruitingStore
from qntx_recruiting.storage.sqlite.recruiting import SqliteRecruiting
from tests.support.job_context import FakeContext
from tests.support.scripted_http import ScriptedServer, scripted


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty, migrated data directory; no language model."""
    settings = Settings(home=tmp_path / "home", llm={"enabled": False})
    open_database(settings.database, applications=[APPLICATION]).close()
    return settings


@pytest.fixture
def store(settings: Settings) -> Iterator[RecruitingStore]:
    store = SqliteRecruiting(settings.database)
    yield store
    store.close()


@pytest.fixture
def context(settings: Settings) -> Iterator[Callable[..., FakeContext]]:
    """Makes job contexts and closes them at the end."""
    made: list[FakeContext] = []

    def make(**arguments: Any) -> FakeContext:
        made.append(FakeContext(arguments.pop("settings", settings), **arguments))
        return made[-1]

    yield make
    for context in made:
        context.close()
