"""
What the original gets wrong, one test each, by the numbers of the list of its defects.

A test shows that this implementation behaves otherwise; where it is not obvious, its docstring says
what the original does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.app import App
from tests.support.queue_bench import Bench as QueueBench
from tests.support.schedule_bench import Bench as ScheduleBench
from tests.support.workers import MODULE, Running


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An application without handlers; what it runs is captured."""
    return App(home=tmp_path / "home", capture={"descriptors": False})


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[QueueBench]:
    """A queue without workers."""
    found = QueueBench(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture
def schedules(tmp_path: Path) -> Iterator[ScheduleBench]:
    """Schedules by a clock that the test moves."""
    found = ScheduleBench(tmp_path / "home")
    yield found
    found.app.store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two workers for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNTX_APP", f'["{MODULE}"]')
        found = Running(tmp_path_factory.mktemp("defects") / "home", stop_grace_s=0.5)
        with found.app.indexing():
            found.supervisor.start()
            yield found
            found.supervisor.stop()
