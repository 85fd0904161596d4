"""Children of a running job: put on the queue at once where only the store knows their id."""

from __future__ import annotations

import os
from pathlib import Path

from qntx.config import Settings
from qntx.errors import JobInterrupted
from qntx.model.job import Claimed, JobRequest
from qntx.storage import open_store
from qntx.storage.interfaces import Store


def enqueue_child(settings: Settings, parent: Claimed, request: JobRequest, child: str) -> str:
    """
    Enqueue *request* as a child of *parent* under the id *child*; returns its id, or its twin's.

    Raises JobInterrupted when another attempt of the parent is at work by now, and
    StoreUnavailable.
    """
    found = _store_of(settings, os.getpid()).queue.enqueue_child(request, parent, child)
    if found is None:
        raise JobInterrupted(
            f"attempt {parent.attempt} of job {parent.id} is over: its lease was lost, "
            f"so its child for {request.handler_name!r} was not enqueued"
        )
    return found


_stores: dict[tuple[Path, int], Store] = {}


def _store_of(settings: Settings, pid: int) -> Store:
    """One store for all jobs of a process; a forked child must not use its parent's."""
    key = (settings.home, pid)
    found = _stores.get(key)
    if found is None:
        _stores.clear()
        found = _stores[key] = open_store(settings)
    return found
