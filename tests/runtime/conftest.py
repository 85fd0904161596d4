"""A supervisor with real workers, in a data directory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workers import MODULE, Running


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    found = Running(tmp_path / "home", stop_grace_s=0.5)
    with found.app.indexing():
        found.supervisor.start()
        yield found
        found.supervisor.stop()
