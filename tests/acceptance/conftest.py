"""One server for the whole folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.qntx_server import Served, serving_in


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving_in(tmp_path_factory.mktemp("home")) as found:
        yield found
