"""What goes for the store as a whole: together or not at all, and of one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qntx.clock import now_us
from qntx.storage.interfaces import Store

from .backends import Backend
from .queueing import enqueue, request


def elsewhere(store: Store, ask: Callable[[], Any]) -> Any:
    """What *ask* gives in another thread."""
    found: list[Any] = []

    def run() -> None:
        found.append(ask())
        store.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_others_see_a_transaction_when_it_is_over(store: Store) -> None:
    with store.transaction():
        store.queue.add(request(), "JB_1", now_us())
        assert elsewhere(store, lambda: store.jobs.status("JB_1")) is None
        assert store.jobs.status("JB_1") == "queued"
    assert elsewhere(store, lambda: store.jobs.status("JB_1")) == "queued"


def test_what_is_read_together_is_of_one_moment(store: Store) -> None:
    enqueue(store)
    with store.reading():
        assert store.jobs.counts()["queued"] == 1
        elsewhere(store, lambda: enqueue(store))
        assert store.jobs.counts()["queued"] == 1
        assert len(store.jobs.page().jobs) == 1
    assert store.jobs.counts()["queued"] == 2


def test_a_transaction_that_failed_leaves_the_store_usable(store: Store) -> None:
    def fail() -> None:
        store.queue.add(request(), "JB_1", now_us())
        raise KeyError

    with pytest.raises(KeyError), store.transaction():
        fail()
    with store.transaction():
        store.queue.add(request(), "JB_2", now_us())
    assert [job.id for job in store.jobs.page().jobs] == ["JB_2"]


def test_preparing_again_changes_nothing(backend: Backend, folder: Path) -> None:
    with backend.make(folder) as store:
        job_id = enqueue(store)
        store.prepare()
        store.close()
        assert store.jobs.status(job_id) == "queued", "it opens again what was closed"


def test_several_prepare_a_new_store_at_once(backend: Backend, folder: Path) -> None:
    barrier = threading.Barrier(4)
    found: list[str] = []

    def run() -> None:
        barrier.wait(30)
        with backend.make(folder) as mine:
            found.append(enqueue(mine))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with backend.make(folder) as store:
        assert {job.id for job in store.jobs.page().jobs} == set(found)
    assert len(found) == 4


def test_facts_outlive_the_one_who_keeps_them(backend: Backend, folder: Path) -> None:
    with backend.make(folder) as store:
        assert store.facts.get("a") is None
        store.facts.set("a", "1")
        store.facts.set("b", "ä\n")
        store.facts.set("a", "2")
    with backend.make(folder) as store:
        assert (store.facts.get("a"), store.facts.get("b")) == ("2", "ä\n")
        store.facts.set("a", None)
        store.facts.set("a", None)
        assert (store.facts.get("a"), store.facts.get("b")) == (None, "ä\n")
        store.facts.set("b", "")
        assert store.facts.get("b") == ""


def test_what_can_be_told_of_the_database(store: Store) -> None:
    enqueue(store)
    assert store.check() == "ok"
    assert store.engine
    assert store.version()
    assert store.location
    assert store.size_bytes() > 0
    assert store.lock_owner() is None


def test_what_may_be_lost_when_the_machine_dies_is_there_while_it_lives(
    backend: Backend, folder: Path
) -> None:
    with backend.make(folder) as store:
        store.expect_losses()
        job_id = enqueue(store)
    with backend.make(folder) as store:
        assert store.jobs.status(job_id) == "queued"
