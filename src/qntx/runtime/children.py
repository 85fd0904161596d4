"""Children of a running job: put on the queue at once where only the store knows their id."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from qntx.clock import now_us
from qntx.config import Settings
from qntx.errors import JobInterrupted
from qntx.model.job import Claimed, JobRequest
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.enqueue import insert_child
from qntx.storage.sqlite.store import Store


def enqueue_child(settings: Settings, parent: Claimed, request: JobRequest, child: str) -> str:
    """
    Enqueue *request* as a child of *parent* under the id *child*; returns its id, or its twin's.

    Raises JobInterrupted when another attempt of the parent is at work by now, and what the store
    raises when it cannot be written to.
    """
    store = _store_of(settings.database, os.getpid())
    with transaction(store.connection) as db:
        for status, attempt in db.execute(
            "SELECT status, attempt FROM async_ix_jobs WHERE id = ?", (parent.id,)
        ):
            if status != "running" or attempt != parent.attempt:
                raise JobInterrupted(
                    f"attempt {parent.attempt} of job {parent.id} is over: its lease was lost, "
                    f"so its child for {request.handler_name!r} was not enqueued"
                )
        found = insert_child(db, request, parent.id, now_us(), child)
    store.notify_jobs()
    return found


@lru_cache(maxsize=4)
def _store_of(database: Path, pid: int) -> Store:
    """One store for all jobs of a process; a forked child must not use its parent's."""
    del pid
    return Store(database)
