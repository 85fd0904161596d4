"""Why jobs wait, and who runs them."""

from __future__ import annotations

from qntx.clock import from_iso, now_us
from qntx.storage.interfaces import Store

from .firings import fire, minute, schedule
from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer

STATE = {"pause_reason": "rate_limited", "until": "later"}


def test_a_reason_is_stated_once(store: Store) -> None:
    first, second = enqueue(store), enqueue(store, delay_s=3600)
    other, paused = enqueue(store, "b"), enqueue(store)
    store.queue.pause(paused)
    at_work = running(store, "c")
    held = store.waits.hold(["a", "c"], STATE)
    assert {one.job_id for one in held} == {first, second}
    assert {(one.attempt, one.schedule_id) for one in held} == {(0, None)}
    assert store.jobs.get(first).pulse_state == STATE
    assert store.jobs.get(first).status == "queued"
    assert store.jobs.get(other).pulse_state is None
    assert store.jobs.get(at_work.id).pulse_state is None
    assert store.waits.hold(["a"], STATE) == [], "it is known"
    assert {one.job_id for one in store.waits.hold(["a"], {**STATE, "until": "never"})} == {
        first,
        second,
    }
    assert {one.job_id for one in store.waits.hold(["a", "b"], None)} == {first, second}
    assert store.jobs.get(first).pulse_state is None
    assert store.waits.hold(["a", "b"], None) == []
    assert store.waits.hold([], STATE) == []
    store.waits.hold(["a"], STATE)
    assert [job.id for job in claim(store, handlers=["a"])] == [first]
    assert store.jobs.get(first).pulse_state is None, "it waits no more"


def test_jobs_of_schedules_that_wait_are_told_of_by_one(
    store: Store, indexer: SmallIndexer
) -> None:
    plain = enqueue(store)
    schedules = [schedule(store) for _ in range(3)]
    fired = [fire(store, one, n) for n, one in enumerate(schedules)]
    behind = fire(store, schedules[0], 5, behind=(fired[0],))
    late = minute(99)
    early = store.jobs.get(fired[0]).updated_at
    assert store.waits.hold_waiting(early, 9, STATE) == [], "since before that"
    (one,) = store.waits.hold_waiting(late, 1, STATE)
    rest = store.waits.hold_waiting(late, 9, STATE)
    assert {held.job_id for held in (one, *rest)} == set(fired)
    assert {held.schedule_id for held in (one, *rest)} == set(schedules)
    assert store.waits.hold_waiting(late, 9, STATE) == []
    assert store.jobs.get(fired[1]).pulse_state == STATE
    assert store.jobs.get(plain).pulse_state is None
    assert store.jobs.get(behind).pulse_state != STATE


def test_handlers_of_jobs_that_are_not_over(store: Store, indexer: SmallIndexer) -> None:
    assert store.waits.active_handlers() == []
    for handler in ("b", "a", "b"):
        enqueue(store, handler)
    indexer.end(running(store, "c"), "completed")
    running(store, "d")
    store.queue.pause(enqueue(store, "e"))
    assert sorted(store.waits.active_handlers()) == ["a", "b", "d", "e"]


def test_the_place_of_a_job(store: Store) -> None:
    running(store, "c")
    enqueue(store, delay_s=3600, priority=9)
    first = enqueue(store)
    second = enqueue(store, "b")
    urgent = enqueue(store, priority=1)
    places = [store.waits.place(job) for job in (urgent, first, second)]
    assert places == [(0, 1), (1, 1), (2, 1)]
    store.queue.pause(urgent)
    assert store.waits.place(second) == (1, 1)


def test_who_runs_a_job(store: Store, indexer: SmallIndexer) -> None:
    job_id = enqueue(store)
    assert store.waits.runner(job_id, 1) is None
    (job,) = store.queue.claim(1, "w1", ["a"], 30)
    found = store.waits.runner(job_id, 1)
    assert found is not None
    assert (found.worker, found.pid) == ("w1", None)
    assert 0 < from_iso(str(found.lease_until)) - now_us() <= 30_000_000
    indexer.begin(job, pid=4711)
    found = store.waits.runner(job_id, 1)
    assert found is not None
    assert found.pid == 4711
    indexer.end(job, "completed")
    over = store.waits.runner(job_id, 1)
    assert over is not None
    assert (over.worker, over.lease_until) == ("w1", None)
    assert store.waits.runner(job_id, 2) is None
