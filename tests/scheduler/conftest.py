"""A bench with an empty data directory for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.recording.session import close_journals
from tests.support.indexer_thread import indexer_in_a_thread
from tests.support.schedule_bench import Bench


@pytest.fixture(autouse=True, scope="module")
def indexer() -> Iterator[None]:
    """What is indexed is the same whoever does it."""
    with indexer_in_a_thread():
        yield


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home")
    yield made
    made.app.store.close()
    close_journals()
