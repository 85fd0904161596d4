"""One filled data directory and one server for all tests that only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from qntx.api.server import Server
from qntx.app import App
from tests.support.api_data import Data, fill, make_app
from tests.support.api_server import serving
from tests.support.indexer_thread import indexer_in_a_thread


@pytest.fixture(autouse=True, scope="module")
def indexer() -> Iterator[None]:
    """What the API shows is the same whoever indexes."""
    with indexer_in_a_thread():
        yield


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return make_app(tmp_path_factory.mktemp("api") / "home")


@pytest.fixture(scope="session")
def data(app: App) -> Data:
    with indexer_in_a_thread():
        return fill(app)


@pytest.fixture(scope="session")
def served(app: App, data: Data) -> Iterator[tuple[Server, httpx2.Client]]:
    with serving(app, workers=lambda: [{"name": "w1", "pid": 1, "ready": True, "jobs": []}]) as it:
        yield it


@pytest.fixture
def client(served: tuple[Server, httpx2.Client]) -> httpx2.Client:
    return served[1]


@pytest.fixture
def server(served: tuple[Server, httpx2.Client]) -> Server:
    return served[0]


@pytest.fixture
def fresh(tmp_path: Path) -> App:
    """An application with an empty data directory of its own."""
    return make_app(tmp_path / "home")
