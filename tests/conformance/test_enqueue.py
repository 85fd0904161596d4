"""Jobs get onto the queue: all or none, once for each key, and within a caller's transaction."""

from __future__ import annotations

from typing import Any

import pytest

from qntx.clock import from_iso, now_us
from qntx.model.ids import new_id
from qntx.storage.interfaces import Store

from .queueing import claim, enqueue, request, running
from .small_indexer import SmallIndexer


def test_ids_come_in_the_order_of_the_requests(store: Store) -> None:
    ids = store.queue.enqueue([request(source=str(n)) for n in range(20)])
    assert [store.jobs.get(i).source for i in ids] == [str(n) for n in range(20)]
    assert store.jobs.counts()["queued"] == 20


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        [],
        0,
        -(2**53),
        1.5,
        "",
        "\x00",
        "日本 \U0001f600",
        {"a": [1, {"b": None}], "ä": "\\"},
    ],
)
def test_a_payload_comes_back_as_it_was(store: Store, payload: Any) -> None:
    job_id = enqueue(store, payload=payload)
    assert store.jobs.get(job_id).payload == payload
    assert claim(store)[0].payload == payload


def test_what_a_request_says_is_kept(store: Store) -> None:
    parent = enqueue(store, "b")
    job_id = enqueue(
        store,
        priority=-7,
        delay_s=3600,
        parent_job_id=parent,
        max_attempts=5,
        source="ä\u2028",
    )
    job = store.jobs.get(job_id)
    assert (job.handler_name, job.source, job.status) == ("a", "ä\u2028", "queued")
    assert (job.priority, job.max_attempts, job.attempt) == (-7, 5, 0)
    assert (job.parent_job_id, job.run_kind, job.started_at) == (parent, "queue", None)
    assert from_iso(str(job.next_attempt_at)) - from_iso(job.created_at) == 3_600_000_000
    assert abs(from_iso(job.created_at) - now_us()) < 600_000_000


def test_a_request_that_cannot_be_stored_takes_the_others_along(store: Store) -> None:
    with pytest.raises(TypeError):
        store.queue.enqueue([request(), request(payload=object())])
    assert store.jobs.counts()["queued"] == 0


def test_an_idempotency_key_gives_the_job_that_it_made(store: Store, indexer: SmallIndexer) -> None:
    first, other, second = store.queue.enqueue(
        [
            request(idempotency_key="k"),
            request(idempotency_key="l"),
            request("b", idempotency_key="k"),
        ]
    )
    assert first == second != other
    assert enqueue(store, idempotency_key="k") == first
    (job,) = claim(store)
    indexer.end(job, "completed")
    assert enqueue(store, idempotency_key="k") == first, "for ever, not while it is active"
    assert sum(store.jobs.counts().values()) == 2


def test_a_unique_job_gives_the_one_that_is_active(store: Store, indexer: SmallIndexer) -> None:
    job = running(store, unique=True)
    assert enqueue(store, unique=True) == job.id
    assert enqueue(store, "b", unique=True) != job.id, "of another handler"
    assert enqueue(store, source="other", unique=True) != job.id, "of another source"
    indexer.end(job, "paused")
    assert enqueue(store, unique=True) == job.id
    store.queue.resume(job.id)
    assert enqueue(store, unique=True) == job.id
    store.queue.cancel(job.id)
    assert enqueue(store, unique=True) != job.id


def test_what_is_added_in_a_transaction_is_there_when_it_ends(store: Store) -> None:
    with store.transaction():
        ids = [store.queue.add(request(source=str(n)), new_id("JB"), now_us()) for n in range(3)]
    assert [job.id for job in claim(store, 9)] == ids


def test_nothing_of_a_transaction_that_fails_is_there(store: Store) -> None:
    twin = enqueue(store, idempotency_key="k")

    def fail() -> None:
        store.queue.add(request(idempotency_key="l"), "JB_1", now_us())
        assert store.queue.add(request(idempotency_key="k"), "JB_2", now_us()) == twin
        assert store.jobs.status("JB_1") == "queued", "it sees what it wrote itself"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.transaction():
        fail()
    assert store.jobs.status("JB_1") is None
    assert store.jobs.counts()["queued"] == 1
    assert enqueue(store, idempotency_key="l") not in ("JB_1", twin), "the key is free again"


def test_a_child_is_enqueued_while_its_parent_runs(store: Store, indexer: SmallIndexer) -> None:
    parent = running(store)
    child = store.queue.enqueue_child(request("b", idempotency_key="k"), parent, "JB_c")
    assert child == "JB_c"
    assert store.jobs.get("JB_c").parent_job_id == parent.id
    twin = store.queue.enqueue_child(request("b", idempotency_key="k"), parent, "JB_d")
    assert twin == "JB_c"
    indexer.end(parent, "queued", retry=True)
    assert store.queue.enqueue_child(request("b"), parent, "JB_e") is None, "its attempt is over"
    (again,) = claim(store, handlers=["a"])
    assert store.queue.enqueue_child(request("b"), parent, "JB_e") is None
    assert store.jobs.status("JB_e") is None
    assert store.queue.enqueue_child(request("b"), again, "JB_e") == "JB_e"


def test_a_child_of_a_parent_that_is_asked_to_stop_never_begins(store: Store) -> None:
    parent = running(store)
    store.queue.cancel(parent.id)
    assert store.queue.enqueue_child(request("b"), parent, "JB_c") == "JB_c"
    child = store.jobs.get("JB_c")
    assert (child.status, child.error) == ("cancelled", "its parent was cancelled")
    assert child.completed_at is not None
