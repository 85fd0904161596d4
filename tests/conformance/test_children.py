"""Children: who waits for them, when a parent goes on, and how a family is shown."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from qntx.errors import NotFound
from qntx.model.job import Claimed
from qntx.storage.interfaces import Store

from .backends import Backend
from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer

WAITS = {"pulse_state": {"waiting_for": "children"}}


def family(store: Store, indexer: SmallIndexer, children: int = 2) -> tuple[Claimed, list[Claimed]]:
    """A parent that waits, and its children, which run."""
    parent = running(store)
    for number in range(children):
        indexer.spawn(parent, f"{parent.id}.{number}", handler_name="b")
    indexer.end(parent, "paused", **WAITS)
    return parent, claim(store, children, ["b"])


@pytest.mark.parametrize("last", ["completed", "failed", "cancelled"])
def test_a_parent_goes_on_when_its_last_child_is_over(
    store: Store, indexer: SmallIndexer, last: str
) -> None:
    parent, (first, second) = family(store, indexer)
    assert store.jobs.status(parent.id) == "paused"
    indexer.end(first, "completed")
    assert store.jobs.status(parent.id) == "paused"
    indexer.end(second, last)
    shown = store.jobs.get(parent.id)
    assert (shown.status, shown.pulse_state) == ("queued", None)
    assert [job.attempt for job in claim(store, handlers=["a"])] == [2]


def test_a_parent_whose_children_were_faster_does_not_wait(
    store: Store, indexer: SmallIndexer
) -> None:
    parent = running(store)
    indexer.spawn(parent, "JB_c", handler_name="b")
    (child,) = claim(store, handlers=["b"])
    indexer.end(child, "completed")
    indexer.end(parent, "paused", **WAITS)
    assert store.jobs.status(parent.id) == "queued"


def test_a_parent_without_children_does_not_wait(store: Store, indexer: SmallIndexer) -> None:
    parent = running(store)
    indexer.end(parent, "paused", **WAITS)
    assert store.jobs.status(parent.id) == "queued"


def test_a_child_that_is_queued_again_is_not_over(store: Store, indexer: SmallIndexer) -> None:
    parent, (only,) = family(store, indexer, 1)
    indexer.end(only, "queued", retry=True)
    assert store.jobs.status(parent.id) == "paused"
    (only,) = claim(store, handlers=["b"])
    indexer.end(only, "paused")
    assert store.jobs.status(parent.id) == "paused"
    store.queue.cancel(only.id)
    assert store.jobs.status(parent.id) == "queued", "a cancelled child is over"


def test_a_pause_holds_a_parent_whose_children_are_over(
    store: Store, indexer: SmallIndexer
) -> None:
    parent = running(store)
    indexer.spawn(parent, "JB_c", handler_name="b")
    store.queue.pause(parent.id)
    indexer.end(parent, "paused", **WAITS)
    (child,) = claim(store, handlers=["b"])
    indexer.end(child, "completed")
    shown = store.jobs.get(parent.id)
    assert (shown.status, shown.pulse_state) == ("paused", {"pause_reason": "user_requested"})
    assert store.queue.resume(parent.id) == "queued"


def test_a_pause_can_be_taken_back_from_a_parent_that_waits(
    store: Store, indexer: SmallIndexer
) -> None:
    parent = running(store)
    indexer.spawn(parent, "JB_c", handler_name="b")
    store.queue.pause(parent.id)
    indexer.end(parent, "paused", **WAITS)
    assert store.queue.resume(parent.id) == "paused", "it waits for its children all the same"
    (child,) = claim(store, handlers=["b"])
    indexer.end(child, "completed")
    assert store.jobs.status(parent.id) == "queued"


def test_a_parent_that_was_cancelled_wakes_no_more(store: Store, indexer: SmallIndexer) -> None:
    parent, (child,) = family(store, indexer, 1)
    assert store.queue.cancel(parent.id) == "cancelled"
    assert store.queue.stop_requests() == [(child.id, "cancel")]
    indexer.end(child, "cancelled")
    assert store.jobs.status(parent.id) == "cancelled"


def test_a_parent_that_is_paused_for_another_reason_stays(
    store: Store, indexer: SmallIndexer
) -> None:
    parent = running(store)
    indexer.spawn(parent, "JB_c", handler_name="b")
    indexer.end(parent, "paused", pulse_state={"pause_reason": "user_requested"})
    (child,) = claim(store, handlers=["b"])
    indexer.end(child, "completed")
    assert store.jobs.status(parent.id) == "paused"


def test_two_last_children_that_end_at_once_wake_their_parent(
    backend: Backend, folder: Path, store: Store, indexer: SmallIndexer
) -> None:
    """Each sees the other one as active, unless somebody sees to it that one waits."""
    for _ in range(15):
        parent, children = family(store, indexer)
        for child in children:
            indexer.end(child, "paused")
        barrier = threading.Barrier(2)

        def cancel(child: Claimed, barrier: threading.Barrier = barrier) -> None:
            with backend.make(folder) as mine:
                barrier.wait(30)
                mine.queue.cancel(child.id)

        threads = [threading.Thread(target=cancel, args=(child,)) for child in children]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.jobs.child_counts(parent.id) == {"cancelled": 2}
        assert store.jobs.status(parent.id) == "queued"
        store.queue.cancel(parent.id)


def test_how_a_family_is_shown(store: Store, indexer: SmallIndexer) -> None:
    top = enqueue(store)
    first = enqueue(store, "b", parent_job_id=top)
    second = enqueue(store, "b", parent_job_id=top, priority=5)
    below = enqueue(store, "c", parent_job_id=first)
    stranger = enqueue(store)
    (job,) = claim(store, handlers=["b"])
    indexer.end(job, "failed", error="no")
    assert [child.id for child in store.jobs.children(top)] == [first, second]
    assert store.jobs.children(below) == []
    assert store.jobs.child_counts(top) == {"queued": 1, "failed": 1}
    assert store.jobs.child_counts(below) == {}
    tree = store.jobs.tree(top)
    assert [(one.id, one.depth, one.parent_job_id) for one in tree.jobs] == [
        (top, 0, None),
        (first, 1, top),
        (below, 2, first),
        (second, 1, top),
    ]
    assert tree.by_status == {"queued": 3, "failed": 1}
    assert not tree.truncated
    assert tree.jobs[3].error == "no"
    assert [one.id for one in store.jobs.tree(first).jobs] == [first, below]
    assert [one.id for one in store.jobs.page(parent_job_id=top).jobs] == [second, first]
    assert len(store.jobs.tree(stranger).jobs) == 1
    with pytest.raises(NotFound, match="JB_nothing"):
        store.jobs.tree("JB_nothing")
