"""Jobs that run here and now, with an indexer in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.indexer_thread import indexer_in_a_thread


@pytest.fixture(autouse=True, scope="module")
def indexer() -> Iterator[None]:
    """What is indexed is the same whoever does it."""
    with indexer_in_a_thread():
        yield
