"""Cancel, pause, resume, retry: what each does to a job of each status, and what is refused."""

from __future__ import annotations

import pytest

from qntx.errors import Conflict, IllegalTransition, NotFound
from qntx.model.job import Claimed
from qntx.storage.interfaces import Store

from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer

MOVES = ("cancel", "pause", "resume", "retry")
#: By status and move: what the call returns, and is shown from then on.
BECOMES = {
    ("queued", "cancel"): "cancelled",
    ("queued", "pause"): "paused",
    ("running", "cancel"): "running",
    ("running", "pause"): "running",
    ("paused", "cancel"): "cancelled",
    ("paused", "resume"): "queued",
    ("failed", "retry"): "queued",
    ("cancelled", "retry"): "queued",
}
STATUSES = ("queued", "running", "paused", "completed", "failed", "cancelled")


def job_in(store: Store, indexer: SmallIndexer, status: str) -> Claimed:
    """A job of *status*, which ran once if it ever did."""
    if status == "queued":
        return Claimed(id=enqueue(store), handler_name="a", source="", payload=None, attempt=0)
    job = running(store)
    if status != "running":
        indexer.end(job, status)
    assert store.jobs.status(job.id) == status
    return job


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("status", STATUSES)
def test_every_move_from_every_status(
    store: Store, indexer: SmallIndexer, status: str, move: str
) -> None:
    job = job_in(store, indexer, status)
    before = store.jobs.get(job.id)
    wanted = BECOMES.get((status, move))
    if wanted is None:
        with pytest.raises(IllegalTransition, match=f"{job.id} is {status}"):
            getattr(store.queue, move)(job.id)
        assert store.jobs.get(job.id) == before
        return
    assert getattr(store.queue, move)(job.id) == wanted
    after = store.jobs.get(job.id)
    assert after.status == wanted
    assert after.stop_request == (move if status == "running" else None)
    assert (after.completed_at is not None) == (wanted == "cancelled")
    assert store.queue.has_due(["a"]) == (wanted == "queued")


@pytest.mark.parametrize("move", MOVES)
def test_a_job_that_is_not_there(store: Store, move: str) -> None:
    with pytest.raises(NotFound, match="JB_nothing"):
        getattr(store.queue, move)("JB_nothing")


@pytest.mark.parametrize(
    ("asked", "ends", "becomes"),
    [
        ([], "queued", "queued"),
        (["pause"], "queued", "paused"),
        (["pause"], "paused", "paused"),
        (["pause"], "completed", "completed"),
        (["pause"], "failed", "failed"),
        (["cancel"], "queued", "cancelled"),
        (["cancel"], "paused", "cancelled"),
        (["cancel"], "cancelled", "cancelled"),
        (["cancel"], "completed", "completed"),
        (["pause", "cancel"], "queued", "cancelled"),
        (["cancel", "pause"], "queued", "cancelled"),
        (["cancel", "pause"], "paused", "cancelled"),
    ],
)
def test_what_was_asked_for_while_it_ran_decides_where_it_goes(
    store: Store, indexer: SmallIndexer, asked: list[str], ends: str, becomes: str
) -> None:
    job = running(store)
    for move in asked:
        assert getattr(store.queue, move)(job.id) == "running"
    request = ("cancel" if "cancel" in asked else "pause") if asked else None
    assert store.queue.stop_requests() == ([(job.id, request)] if request else [])
    assert store.jobs.get(job.id).stop_request == request
    assert store.stop_request_of(job.id) == request
    indexer.end(job, ends)
    shown = store.jobs.get(job.id)
    assert (shown.status, shown.stop_request) == (becomes, None)
    assert (shown.completed_at is None) == (becomes in ("queued", "paused"))
    assert store.queue.stop_requests() == []
    assert store.stop_request_of(job.id) is None


def test_only_running_jobs_are_asked_to_stop(store: Store) -> None:
    waiting = enqueue(store)
    store.queue.pause(waiting)
    assert store.queue.stop_requests() == []
    assert store.stop_request_of(waiting) is None
    assert store.stop_request_of("JB_nothing") is None


def test_cancelling_takes_the_active_descendants_along(store: Store, indexer: SmallIndexer) -> None:
    parent = running(store)
    done = running(store, "b", parent_job_id=parent.id)
    grandchild = enqueue(store, "b", parent_job_id=done.id)
    indexer.end(done, "completed")
    child = enqueue(store, "b", parent_job_id=parent.id, priority=-1)
    at_work = enqueue(store, "c", parent_job_id=child)
    (working,) = claim(store, handlers=["c"])
    stranger = enqueue(store, "b")
    assert store.queue.cancel(parent.id) == "running"
    assert dict(store.queue.stop_requests()) == {parent.id: "cancel", at_work: "cancel"}
    assert store.jobs.status(done.id) == "completed"
    assert store.jobs.status(child) == "cancelled"
    assert store.jobs.status(grandchild) == "cancelled", "below one that is over already"
    assert store.jobs.status(stranger) == "queued"
    indexer.end(working, "cancelled")
    assert store.jobs.status(at_work) == "cancelled"


def test_cancelling_without_descendants(store: Store) -> None:
    parent = enqueue(store)
    child = enqueue(store, "b", parent_job_id=parent)
    assert store.queue.cancel(parent, children=False) == "cancelled"
    assert store.jobs.status(child) == "queued"


def test_a_job_that_is_over_takes_nobody_along(store: Store, indexer: SmallIndexer) -> None:
    parent = running(store)
    child = enqueue(store, "b", parent_job_id=parent.id)
    indexer.end(parent, "completed")
    with pytest.raises(IllegalTransition):
        store.queue.cancel(parent.id)
    assert store.jobs.status(child) == "queued"


def test_resuming_keeps_a_delay_and_retrying_does_not(store: Store) -> None:
    job_id = enqueue(store, delay_s=3600)
    due = store.jobs.get(job_id).next_attempt_at
    assert due is not None
    store.queue.pause(job_id)
    store.queue.resume(job_id)
    assert store.jobs.get(job_id).next_attempt_at == due
    assert claim(store) == []
    store.queue.cancel(job_id)
    store.queue.retry(job_id)
    assert store.jobs.get(job_id).next_attempt_at is None
    assert [job.id for job in claim(store)] == [job_id]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_retry_goes_on_from_the_checkpoint(
    store: Store, indexer: SmallIndexer, status: str
) -> None:
    job = running(store)
    indexer.checkpoint(job, [1, 2])
    indexer.end(job, status, crashed=True, error="no")
    store.queue.retry(job.id)
    (again,) = claim(store)
    assert (again.attempt, again.checkpoint, again.crash_count) == (2, [1, 2], 0)
    assert store.jobs.get(job.id).completed_at is None


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("foreground", []),
        ("command", ["pause", "retry"]),
        ("block", ["cancel", "pause", "retry"]),
    ],
)
def test_how_a_job_came_to_run_decides_what_can_be_asked_of_it(
    store: Store, indexer: SmallIndexer, kind: str, refused: list[str]
) -> None:
    job = indexer.foreground("JB_1", door=kind)
    assert store.jobs.get("JB_1").run_kind == kind
    for move in ("pause", "cancel"):
        if move in refused:
            with pytest.raises(Conflict, match="JB_1 is a"):
                getattr(store.queue, move)("JB_1")
        else:
            assert getattr(store.queue, move)("JB_1") == "running"
    indexer.end(job, "failed")
    if "retry" in refused:
        with pytest.raises(Conflict, match="JB_1 is a"):
            store.queue.retry("JB_1")
    else:
        assert store.queue.retry("JB_1") == "queued"
