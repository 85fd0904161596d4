"""Executions: one for each instant, which goes with its job, and what waits behind another."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.errors import BadInput, NotFound
from qntx.model.ids import new_id
from qntx.storage.interfaces import Store
from tests.support.log_rows import Said

from .backends import Backend
from .firings import at, execution, fire, minute, schedule
from .queueing import claim, request
from .small_indexer import SmallIndexer
from .test_at_once import together


def of(store: Store, job_id: str) -> str:
    """The id of the execution of a job."""
    return str(store.jobs.get(job_id).execution_id)


def test_there_is_one_execution_of_a_schedule_and_an_instant(store: Store) -> None:
    first, other = schedule(store), schedule(store)
    with store.transaction():
        assert store.executions.insert(execution(first, 1))
        assert not store.executions.insert(execution(first, 1, status="missed"))
        assert store.executions.insert(execution(other, 1))
        assert store.executions.insert(execution(first, 2))
        assert store.executions.insert(execution(first, None, cause="force"))
        assert store.executions.insert(execution(first, None, cause="force")), "by hand: as often"
    assert store.executions.total(first) == 4
    assert store.executions.total() == 5
    assert {one.status for one in store.executions.page(first)[0]} == {"running"}


def test_there_is_one_whoever_is_first(backend: Backend, folder: Path, store: Store) -> None:
    schedule_id = schedule(store)
    for number in range(10):

        def insert(mine: Store, number: int = number) -> bool:
            """Its job comes with it, as when a schedule fires."""
            job_id = new_id("JB")
            made = execution(schedule_id, number, async_job_id=job_id)
            with mine.transaction():
                found = mine.executions.insert(made)
                if found:
                    mine.queue.add(request(execution_id=made.id), job_id, at(0))
            return found

        assert sorted(together(backend, folder, [insert] * 3)) == [False, False, True]
    assert store.executions.total(schedule_id) == 10
    assert store.jobs.counts()["queued"] == 10


def test_an_execution_comes_back_as_it_was(store: Store) -> None:
    schedule_id = schedule(store)
    skipped = execution(
        schedule_id, 3, status="skipped", cause="catch_up", reason="ä", error_message="no"
    )
    with store.transaction():
        store.executions.insert(skipped)
    found = store.executions.get(skipped.id)
    assert (found.scheduled_job_id, found.status) == (schedule_id, "skipped")
    assert found.cause == "catch_up"
    assert (found.reason, found.error_message, found.waiting) == ("ä", "no", False)
    assert (found.nominal_at, found.started_at, found.completed_at) == (minute(3),) * 3
    assert (found.async_job_id, found.job_status, found.counts.total) == (None, None, 0)
    with pytest.raises(NotFound, match="PX_nothing"):
        store.executions.get("PX_nothing")


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_an_execution_ends_with_its_job(store: Store, indexer: SmallIndexer, status: str) -> None:
    job_id = fire(store, schedule(store), 0)
    before = store.executions.get(of(store, job_id))
    assert (before.status, before.job_status, before.async_job_id) == ("running", "queued", job_id)
    (job,) = claim(store)
    indexer.lines(job_id, [Said(b"one"), Said(b"two", 40)])
    indexer.end(job, status, error="why", result={"n": 1})
    found, shown = store.executions.get(before.id), store.jobs.get(job_id)
    assert (found.status, found.job_status, found.error_message) == (status, status, "why")
    assert (found.started_at, found.completed_at) == (shown.started_at, shown.completed_at)
    assert found.duration_ms is not None
    assert abs(found.duration_ms - (shown.duration_ms or 0)) <= 1
    assert found.result_summary == '{"n":1}'
    assert (found.counts.total, found.counts.error) == (2, 1)


def test_an_execution_does_not_end_with_an_attempt(store: Store, indexer: SmallIndexer) -> None:
    job_id = fire(store, schedule(store), 0)
    (job,) = claim(store)
    indexer.end(job, "queued", retry=True)
    assert store.executions.get(of(store, job_id)).status == "running"


def test_an_execution_ends_when_its_job_is_cancelled_by_hand(store: Store) -> None:
    job_id = fire(store, schedule(store), 0)
    store.queue.cancel(job_id)
    assert store.executions.get(of(store, job_id)).status == "cancelled"


def test_a_retry_takes_the_execution_along(store: Store, indexer: SmallIndexer) -> None:
    job_id = fire(store, schedule(store), 0)
    (job,) = claim(store)
    indexer.end(job, "failed", error="no", result=1)
    store.queue.retry(job_id)
    found = store.executions.get(of(store, job_id))
    assert (found.status, found.completed_at, found.duration_ms) == ("running", None, None)
    assert (found.error_message, found.result_summary) == (None, None)
    (job,) = claim(store)
    indexer.end(job, "completed")
    assert store.executions.get(found.id).status == "completed"


def test_the_first_that_waits_goes_on_when_the_one_before_is_over(
    store: Store, indexer: SmallIndexer
) -> None:
    schedule_id, other = schedule(store), schedule(store)
    first = fire(store, schedule_id, 0)
    second = fire(store, schedule_id, 1, behind=(first,))
    third = fire(store, schedule_id, 2, behind=(first, second))
    stranger = fire(store, other, 2, behind=("JB_elsewhere",))
    assert [job.id for job in claim(store, 9)] == [first]
    held = store.jobs.get(third)
    assert held.status == "paused"
    assert held.pulse_state == {
        "is_paused": True,
        "pause_reason": "overlap",
        "waits_for": [first, second],
    }
    assert [one.async_job_id for one in store.executions.active(schedule_id)] == [
        first,
        second,
        third,
    ]
    assert [one.waiting for one in store.executions.active(schedule_id)] == [False, True, True]
    ((running, *_),) = store.queue.running()
    indexer.end(running, "failed")
    shown = store.jobs.get(second)
    assert (shown.status, shown.pulse_state) == ("queued", None)
    assert store.jobs.status(third) == "paused"
    assert store.jobs.status(stranger) == "paused"
    assert [one.waiting for one in store.executions.active(schedule_id)] == [False, True]
    store.queue.cancel(second)
    assert store.jobs.status(third) == "queued"


def test_one_that_waits_can_be_cancelled(store: Store) -> None:
    schedule_id = schedule(store)
    first = fire(store, schedule_id, 0)
    second = fire(store, schedule_id, 1, behind=(first,))
    third = fire(store, schedule_id, 2, behind=(first, second))
    store.queue.cancel(second)
    assert store.jobs.status(third) == "paused", "the first one still runs"
    store.queue.cancel(first)
    assert store.jobs.status(third) == "queued"


def test_replacing_a_job_cancels_it_and_what_it_enqueued(
    store: Store, indexer: SmallIndexer
) -> None:
    schedule_id = schedule(store)
    old = fire(store, schedule_id, 0)
    (job,) = claim(store)
    indexer.spawn(job, "JB_waits", handler_name="b")
    indexer.spawn(job, "JB_works", handler_name="c")
    claim(store, handlers=["c"])
    with store.transaction():
        store.executions.replace_job(old, "PX_new", at(1))
    assert dict(store.queue.stop_requests()) == {old: "cancel", "JB_works": "cancel"}
    waits = store.jobs.get("JB_waits")
    assert (waits.status, waits.completed_at) == ("cancelled", minute(1))
    assert str(waits.error).startswith("replaced by PX_new")
    assert str(store.executions.get(of(store, old)).reason).startswith("replaced by PX_new")
    indexer.end(job, "cancelled")
    assert store.executions.get(of(store, old)).status == "cancelled"


def test_replacing_a_job_that_has_not_begun(store: Store) -> None:
    old = fire(store, schedule(store), 0)
    with store.transaction():
        store.executions.replace_job(old, "PX_new", at(1))
    assert store.jobs.status(old) == "cancelled"
    assert store.executions.get(of(store, old)).status == "cancelled"


def test_what_was_not_told_yet(store: Store) -> None:
    schedule_id = schedule(store)
    made = [execution(schedule_id, n) for n in range(4)]
    with store.transaction():
        for one in made:
            store.executions.insert(one)
    assert [one.id for one in store.executions.untold(9, at(2))] == [made[0].id, made[1].id]
    assert [one.id for one in store.executions.untold(1, at(9))] == [made[0].id]
    with store.transaction():
        store.executions.mark_told([made[0].id, made[2].id])
    assert [one.id for one in store.executions.untold(9, at(9))] == [made[1].id, made[3].id]
    with store.transaction():
        store.executions.mark_told([])


def test_pages_and_totals(store: Store, indexer: SmallIndexer) -> None:
    first, other = schedule(store), schedule(store)
    statuses = ("skipped", "missed", "running")
    made = [execution((first, other)[n % 2], n, status=statuses[n % 3]) for n in range(24)]
    with store.transaction():
        for one in made:
            store.executions.insert(one)
    for of_one in (None, first):
        for wanted in ((), ("missed",), ("missed", "running")):
            expected = [
                one.id
                for one in reversed(made)
                if of_one in (None, one.scheduled_job_id) and one.status in (wanted or statuses)
            ]
            assert store.executions.total(of_one, wanted) == len(expected)
            assert [one.id for one in store.executions.walk(of_one, wanted)] == expected
            found: list[str] = []
            cursor = None
            while True:
                page, cursor = store.executions.page(
                    of_one, limit=5, cursor=cursor, statuses=wanted
                )
                found += [one.id for one in page]
                if cursor is None:
                    break
            assert found == expected
            page, _ = store.executions.page(of_one, limit=3, offset=2, statuses=wanted)
            assert [one.id for one in page] == expected[2:5]
    with pytest.raises(BadInput, match="'asleep'"):
        store.executions.page(statuses=["asleep"])


def test_the_newest_that_ended(store: Store, indexer: SmallIndexer) -> None:
    schedule_id = schedule(store)
    ends = ["completed", "failed", "cancelled"]
    for number, status in enumerate(ends):
        fire(store, schedule_id, number)
        (job,) = claim(store)
        indexer.end(job, status)
    fire(store, schedule_id, 9)
    with store.transaction():
        store.executions.insert(execution(schedule_id, 10, status="missed"))
    found = store.executions.ended(schedule_id, 2)
    assert [status for _, status, _ in found] == ["cancelled", "failed"]
    assert all(ms is not None and ms >= 0 and ended for ended, _, ms in found)
    assert len(store.executions.ended(schedule_id, 9)) == 3


def test_repairing_ends_what_has_no_job_and_releases_what_waits_for_nothing(
    store: Store, indexer: SmallIndexer
) -> None:
    schedule_id, other = schedule(store), schedule(store)
    gone = execution(schedule_id, 0, async_job_id="JB_gone")
    with store.transaction():
        store.executions.insert(gone)
    waits = fire(store, schedule_id, 1, behind=("JB_gone",))
    alone = fire(store, other, 1, behind=("JB_never",))
    behind = fire(store, other, 2, behind=("JB_never", alone))
    healthy = fire(store, schedule(store), 1)
    with store.transaction():
        repaired = store.executions.repair(at(5))
        assert set(repaired) == {gone.id, of(store, waits), of(store, alone)}
        assert store.executions.repair(at(6)) == []
    found = store.executions.get(gone.id)
    assert (found.status, found.error_message) == ("failed", "its job is gone")
    assert found.completed_at == minute(5)
    assert store.jobs.status(waits) == store.jobs.status(alone) == "queued"
    assert not store.executions.get(of(store, alone)).waiting
    assert store.jobs.status(behind) == "paused"
    assert store.executions.get(of(store, behind)).waiting
    assert store.executions.get(of(store, healthy)).status == "running"
