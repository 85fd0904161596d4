"""Every frozen database, as it is and served by today's program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .opened import Frozen, Upgraded, all_frozen, upgraded


@pytest.fixture(params=all_frozen(), ids=str)
def frozen(request: pytest.FixtureRequest) -> Frozen:
    """Each frozen database."""
    found: Frozen = request.param
    return found


@pytest.fixture(scope="session", params=all_frozen(), ids=str)
def old(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    """Each frozen database, upgraded and served, for tests that only read."""
    with upgraded(request.param, tmp_path_factory.mktemp("old") / "home") as served:
        yield served
