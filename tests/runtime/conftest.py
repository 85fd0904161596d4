"""A queue without workers, and a supervisor with real ones, each in a directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.queue_bench import Bench
from tests.support.workers import Running, working


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with working(tmp_path / "home") as found:
        yield found
