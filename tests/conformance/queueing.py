"""Jobs as the tests of queues ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qntx.model.job import Claimed, JobRequest
from qntx.storage.interfaces import Store

HANDLERS = ("a", "b")


def request(handler: str = "a", **options: Any) -> JobRequest:
    """A job of *handler*."""
    return JobRequest(handler_name=handler, **{"source": "test", **options})


def enqueue(store: Store, handler: str = "a", **options: Any) -> str:
    """Put one job on the queue; returns its id."""
    return store.queue.enqueue([request(handler, **options)])[0]


def claim(
    store: Store, limit: int = 1, handlers: Sequence[str] = HANDLERS, lease_s: float = 30.0
) -> list[Claimed]:
    """Take jobs, for the worker ``w``."""
    return store.queue.claim(limit, "w", handlers, lease_s)


def running(store: Store, handler: str = "a", **options: Any) -> Claimed:
    """A new job that runs."""
    job_id = enqueue(store, handler, **options)
    (job,) = claim(store, 1, [handler])
    assert job.id == job_id, "another job was on the queue"
    return job
