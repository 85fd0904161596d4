"""Every test of the suite, once for each backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.storage.interfaces import Store

from .backends import BACKENDS, Backend
from .small_indexer import SmallIndexer


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(backend: Backend, folder: Path) -> Iterator[Store]:
    with backend.make(folder) as opened:
        yield opened


@pytest.fixture
def indexer(store: Store) -> Iterator[SmallIndexer]:
    made = SmallIndexer(store)
    yield made
    made.close()
