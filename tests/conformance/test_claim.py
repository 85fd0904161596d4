"""Jobs come off the queue: which, in what order, by whom, and what putting them back does."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.clock import from_iso, iso, now_us
from qntx.model.ids import new_id
from qntx.storage.interfaces import Store

from .backends import Backend
from .queueing import HANDLERS, claim, enqueue, request, running
from .small_indexer import SmallIndexer

HOUR_US = 3_600_000_000


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    jobs=st.lists(
        st.tuples(st.integers(-2, 2), st.sampled_from(HANDLERS), st.booleans()), max_size=12
    ),
    claims=st.lists(
        st.tuples(st.integers(1, 4), st.lists(st.sampled_from([*HANDLERS, "c"]), unique=True)),
        max_size=6,
    ),
)
def test_the_highest_priority_comes_first_and_then_the_oldest(
    store: Store, jobs: list[tuple[int, str, bool]], claims: list[tuple[int, list[str]]]
) -> None:
    for job in claim(store, 1000):  # of the example before
        store.queue.cancel(job.id)
    requests = [
        request(handler, priority=priority, delay_s=3600 if later else 0)
        for priority, handler, later in jobs
    ]
    ids = store.queue.enqueue(requests)
    ready = [i for i, (_, _, later) in zip(ids, jobs, strict=True) if not later]
    waiting = {i: (-jobs[ids.index(i)][0], ids.index(i), jobs[ids.index(i)][1]) for i in ready}
    for limit, handlers in claims:
        expected = sorted(
            (i for i, (*_, handler) in waiting.items() if handler in handlers), key=waiting.get
        )[:limit]
        assert store.queue.has_due(handlers) == bool(expected)
        assert [job.id for job in claim(store, limit, handlers)] == expected
        for job_id in expected:
            del waiting[job_id]
    for job_id in ids:
        if job_id not in ready:
            store.queue.cancel(job_id)


def test_what_a_worker_gets(store: Store) -> None:
    job_id = enqueue(
        store, payload={"n": 1}, max_attempts=3, source="s", parent_job_id=None, execution_id="PX_1"
    )
    (job,) = store.queue.claim(5, "worker 1", ["a"], 30)
    assert (job.id, job.handler_name, job.source, job.payload) == (job_id, "a", "s", {"n": 1})
    assert (job.attempt, job.max_attempts, job.checkpoint) == (1, 3, None)
    assert (job.retry_count, job.crash_count, job.execution_id) == (0, 0, "PX_1")
    shown = store.jobs.get(job_id)
    assert (shown.status, shown.attempt) == ("running", 1)
    (attempt,) = store.jobs.attempts(job_id)
    assert (attempt.attempt, attempt.status, attempt.worker) == (1, "running", "worker 1")
    assert attempt.ended_at is None
    assert shown.started_at == attempt.started_at


def test_the_next_attempt_goes_on_from_what_the_last_one_left(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    indexer.begin(job)
    indexer.checkpoint(job, {"at": 5})
    began = store.jobs.get(job.id).started_at
    indexer.end(job, "queued", retry=True, crashed=True, error="no", error_type="E")
    assert store.jobs.get(job.id).error == "no"
    (again,) = claim(store)
    assert (again.attempt, again.checkpoint) == (2, {"at": 5})
    assert (again.retry_count, again.crash_count) == (1, 1)
    shown = store.jobs.get(job.id)
    assert (shown.error, shown.error_type) == (None, None)
    assert shown.started_at == began, "of the job, not of the attempt"
    first, second = store.jobs.attempts(job.id)
    assert (first.status, first.error, second.status) == ("queued", "no", "running")
    indexer.end(again, "queued", retry=True, crashed=True)
    (third,) = claim(store)
    assert (third.attempt, third.retry_count, third.crash_count) == (3, 2, 2)
    assert third.checkpoint == {"at": 5}


def test_a_delay_is_kept_and_then_the_job_has_its_place(store: Store) -> None:
    now = now_us()
    with store.transaction():
        # Enqueued two hours ago and one hour ago, due one hour ago and in one hour.
        due = store.queue.add(request(delay_s=3600), new_id("JB"), now - 2 * HOUR_US)
        later = store.queue.add(request(delay_s=7200), new_id("JB"), now - HOUR_US)
    plain = enqueue(store)
    assert store.queue.next_due_us(now) == from_iso(str(store.jobs.get(later).next_attempt_at))
    assert store.queue.next_due_us(now + 2 * HOUR_US) is None
    assert store.queue.has_due(["a"])
    assert [job.id for job in claim(store, 9)] == [due, plain]
    assert not store.queue.has_due(["a"])
    assert store.jobs.status(later) == "queued"


def test_a_job_that_was_put_back_is_as_if_never_claimed(store: Store) -> None:
    first, second = enqueue(store), enqueue(store)
    before = store.jobs.get(first)
    (job,) = claim(store)
    store.queue.put_back([job])
    after = store.jobs.get(first)
    assert (after.status, after.attempt, after.started_at) == ("queued", 0, None)
    assert (after.created_at, after.priority) == (before.created_at, before.priority)
    assert store.queue.running() == []
    again, other = claim(store, 2)
    assert (again.id, again.attempt, other.id) == (first, 1, second)
    assert [a.status for a in store.jobs.attempts(first)] == ["running"]


def test_a_job_that_was_put_back_keeps_when_it_first_began(
    store: Store, indexer: SmallIndexer
) -> None:
    job = running(store)
    began = store.jobs.get(job.id).started_at
    indexer.end(job, "queued")
    store.queue.put_back(claim(store))
    shown = store.jobs.get(job.id)
    assert (shown.attempt, shown.started_at) == (1, began)
    assert began is not None


def test_a_job_that_was_put_back_and_asked_to_stop_has_stopped(store: Store) -> None:
    cancelled, paused = running(store), running(store)
    store.queue.cancel(cancelled.id)
    store.queue.pause(paused.id)
    store.queue.put_back([cancelled, paused])
    assert store.jobs.status(cancelled.id) == "cancelled"
    assert store.jobs.status(paused.id) == "paused"
    assert store.queue.stop_requests() == []


def test_a_job_whose_lease_has_run_out_is_left_to_its_rescuer(store: Store) -> None:
    enqueue(store)
    (job,) = claim(store, lease_s=-1)
    store.queue.put_back([job])
    assert store.jobs.status(job.id) == "running"
    assert store.jobs.get(job.id).attempt == 1


def test_putting_back_an_attempt_that_is_over_changes_nothing(
    store: Store, indexer: SmallIndexer
) -> None:
    old = running(store)
    indexer.end(old, "queued")
    (job,) = claim(store)
    store.queue.put_back([old])
    assert (store.jobs.status(job.id), store.jobs.get(job.id).attempt) == ("running", 2)
    indexer.end(job, "completed")
    store.queue.put_back([job])
    assert (store.jobs.status(job.id), store.jobs.get(job.id).attempt) == ("completed", 2)


def test_leases(store: Store, indexer: SmallIndexer) -> None:
    enqueue(store)
    enqueue(store, "b")
    first, second = claim(store, 2, lease_s=30)
    leases = {job.id: (job, worker, until) for job, worker, until in store.queue.running()}
    assert leases.keys() == {first.id, second.id}
    assert leases[first.id][0] == first
    assert leases[first.id][1] == "w"
    assert 0 < from_iso(str(leases[first.id][2])) - now_us() <= 30_000_000
    over = store.queue.renew([(first.id, 1), (first.id, 2), ("JB_none", 1)], 7200)
    assert over == {(first.id, 2), ("JB_none", 1)}
    until = {job.id: str(until) for job, _, until in store.queue.running()}
    assert until[first.id] > iso(now_us() + HOUR_US) > until[second.id], "only the one named"
    indexer.end(first, "failed")
    assert store.queue.renew([(first.id, 1), (second.id, 1)], 30) == {(first.id, 1)}
    assert [job.id for job, _, _ in store.queue.running()] == [second.id]


def test_a_lease_that_ran_out_is_seen_and_can_be_renewed(store: Store) -> None:
    enqueue(store)
    (job,) = claim(store, lease_s=-60)
    ((found, _, until),) = store.queue.running()
    assert found == job
    assert str(until) < iso(now_us())
    assert not store.queue.has_due(["a"]), "it is nobody else's until it is rescued"
    assert store.queue.renew([(job.id, 1)], 30) == set()
    ((_, _, until),) = store.queue.running()
    assert str(until) > iso(now_us())


def test_a_store_that_is_opened_again_holds_what_it_held(backend: Backend, folder: Path) -> None:
    with backend.make(folder) as store:
        first, second = enqueue(store), enqueue(store)
        claim(store)
    with backend.make(folder) as again:
        assert again.jobs.status(first) == "running"
        assert [job.id for job in claim(again)] == [second]
