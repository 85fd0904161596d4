"""
Which tests are quick: all without a marker, and that they start no process is watched.

``browser`` walks through the web UI, ``faults`` kills and starves what runs, ``slow`` starts
processes or takes its time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: Folders whose every test is of one kind; elsewhere a module or a test says it of itself.
FOLDERS = {
    "ui": "browser",
    "faults": "faults",
    "acceptance": "slow",
    "api": "slow",  # a server over HTTP each
    "applications": "slow",
    "migrations": "slow",
    "packaging": "slow",
    "typing": "slow",
}
MARKERS = frozenset({"browser", "faults", "slow"})
_STARTS = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
)
#: The quick test that runs at the moment.
_quick: list[str] = []


def mark(item: pytest.Item) -> None:
    """Mark a test by its folder."""
    marker = FOLDERS.get(item.path.parent.name)
    if marker is not None and not MARKERS & {mark.name for mark in item.iter_markers()}:
        item.add_marker(marker)


@contextmanager
def watched(item: pytest.Item) -> Iterator[None]:
    """Have *item*, its fixtures included, start no process unless its marker says that it may."""
    if not MARKERS & {mark.name for mark in item.iter_markers()}:
        _quick.append(item.nodeid)
    try:
        yield
    finally:
        _quick.clear()


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _STARTS and _quick:
        raise AssertionError(
            f"{_quick[0]} starts a process ({event}): mark it slow, or have it do without"
        )


sys.addaudithook(_refuse)
