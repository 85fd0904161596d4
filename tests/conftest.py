"""What tests of all kinds share: replayable chance, and runs recorded without another process."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from qntx.recording import lines
from qntx.recording.session import close_journals
from tests.support import tiers
from tests.support.recorded_runs import Recorded, record

#: One seed for the whole session; set QNTX_SEED to replay one.
SEED = int(os.environ.get("QNTX_SEED") or random.SystemRandom().randrange(1 << 32))
os.environ["QNTX_SEED"] = str(SEED)  # of the processes that pytest starts, too

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile(
    "qntx", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("qntx")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis chooses by the same seed."""
    config.option.hypothesis_seed = config.option.hypothesis_seed or str(SEED)


def pytest_report_header() -> str:
    """Say how to replay what chance decides in this session."""
    return f"QNTX_SEED={SEED} QNTX_FAULTS={os.environ.get('QNTX_FAULTS', 'quick')}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not quick; the long ones first, so that no worker is left with them alone."""
    for item in items:
        tiers.mark(item)
    items.sort(key=lambda item: not item.nodeid.startswith("tests/ui/"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[Any, Any, Any]:
    """A test without a marker starts no process."""
    with tiers.watched(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[Any, Any, Any]:
    """Text goes from process to process as UTF-8: half a surrogate pair is written out."""
    return _encodable((yield))


def _encodable(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {_encodable(key): _encodable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(map(_encodable, data))
    return data


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that depend only on the session's seed and the test's name."""
    return random.Random(f"{SEED}/{request.node.nodeid}")


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Callable[..., Recorded]]:
    """
    Runs a handler through the one door, and the indexer's rounds, all in this process.

    ``recorded(handler)`` gives what the store holds afterwards; every call is a run of its own.
    """
    lines.set_redactor(None)

    def run(handler: Callable[..., Any], **options: Any) -> Recorded:
        return record(tmp_path / "home", handler, **options)

    yield run
    close_journals()
    lines.set_redactor(None)
