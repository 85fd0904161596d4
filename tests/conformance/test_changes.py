"""What changed, and the signal that something may have."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.clock import iso, now_us
from qntx.model.job import Claimed
from qntx.storage.interfaces import ChangeSignal, Store
from tests.support.log_rows import Said

from .backends import Backend
from .firings import at, execution, fire, minute, schedule
from .queueing import claim, enqueue, running
from .small_indexer import SmallIndexer

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def signal(store: Store) -> Iterator[ChangeSignal]:
    made = store.change_signal()
    yield made
    made.close()


class Watch:
    """Looks at what changed since it looked before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        found, self._place = store.changes.look(None)
        assert found == ([], [], [], 0)

    def after(self, do: Callable[[], Any]) -> tuple[set[str], set[str], set[str]]:
        """The ids of jobs, executions and schedules that are told of when *do* was done."""
        do()
        found, self._place = self._store.changes.look(self._place)
        assert all(len(set(ids)) == len(ids) for ids in found[:3])
        assert found.untold == 0
        return set(found.jobs), set(found.executions), set(found.schedules)


def test_every_move_of_a_job_is_told_of(store: Store, indexer: SmallIndexer) -> None:
    enqueue(store, "old")
    job_id = ""
    watch = Watch(store)

    def begin() -> None:
        nonlocal job_id
        job_id = enqueue(store)

    assert watch.after(lambda: None) == (set(), set(), set())
    told = watch.after(begin)
    assert told == ({job_id}, set(), set())
    found: list[Claimed] = []
    for move in (
        lambda: found.extend(claim(store)),
        lambda: indexer.lines(job_id, [Said(b"x")]),
        lambda: indexer.progress(found[0], current=1),
        lambda: store.queue.pause(job_id),
        lambda: indexer.end(found[0], "paused"),
        lambda: store.queue.resume(job_id),
        lambda: store.queue.cancel(job_id),
        lambda: store.queue.retry(job_id),
    ):
        assert watch.after(move) == ({job_id}, set(), set())
    assert watch.after(lambda: None) == (set(), set(), set())


def test_an_attempt_that_begins_and_ends_between_two_looks_is_told_of(
    store: Store, indexer: SmallIndexer
) -> None:
    job_id = enqueue(store)
    watch = Watch(store)
    told = watch.after(lambda: [indexer.end(job, "completed") for job in claim(store)])
    assert told == ({job_id}, set(), set())


def test_executions_and_schedules_are_told_of(store: Store, indexer: SmallIndexer) -> None:
    schedule_id = schedule(store)
    watch = Watch(store)
    made: list[str] = []
    jobs, executions, schedules = watch.after(lambda: made.append(fire(store, schedule_id, 0)))
    told = str(store.jobs.get(made[0]).execution_id)
    assert (jobs, executions, schedules) == ({made[0]}, {told}, set())
    (job,) = claim(store)
    assert told in watch.after(lambda: indexer.end(job, "completed"))[1]

    def update() -> None:
        with store.transaction():
            store.schedules.update(schedule_id, {"priority": 5}, at(3))

    assert watch.after(update) == (set(), set(), {schedule_id})
    told_of = watch.after(lambda: made.append(schedule(store, updated_at=minute(3))))
    assert told_of == (set(), set(), {made[1]})
    assert watch.after(lambda: None) == (set(), set(), set())


def test_one_place_can_be_looked_from_again(store: Store) -> None:
    _, place = store.changes.look(None)
    job_id = enqueue(store)
    first, _ = store.changes.look(place)
    again, later = store.changes.look(place)
    assert first == again == ([job_id], [], [], 0)
    assert store.changes.look(later)[0] == ([], [], [], 0)


def test_who_was_away_is_told_what_it_missed(store: Store, indexer: SmallIndexer) -> None:
    schedule_id = schedule(store, updated_at=iso(now_us()))
    old = running(store)
    away = iso(now_us())
    indexer.end(old, "completed")
    new = enqueue(store)
    with store.transaction():
        made = execution(schedule_id, 1, updated_at=iso(now_us()), created_at=iso(now_us()))
        store.executions.insert(made)
    found = store.changes.since(away)
    assert set(found.jobs) == {old.id, new}
    assert (found.executions, found.schedules, found.untold) == ([made.id], [], 0)
    assert store.changes.since(iso(now_us())) == ([], [], [], 0)


@pytest.mark.slow
def test_the_signal_comes_at_first_and_after_another_process_wrote(
    backend: Backend, folder: Path, store: Store, signal: ChangeSignal
) -> None:
    never = threading.Event()
    assert signal.wait(never)
    woken = threading.Event()

    def follow() -> None:
        mine = store.change_signal()
        try:
            assert mine.wait(never)
            ready.set()
            if mine.wait(never):
                woken.set()
        finally:
            mine.close()

    ready = threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    assert ready.wait(30)
    command = [sys.executable, "-m", "tests.conformance.enqueueing", backend.name, folder]
    job_id = subprocess.check_output(command, cwd=ROOT, text=True).strip()
    assert woken.wait(30)
    thread.join()
    assert signal.wait(never), "it was not waiting meanwhile, and does not miss it"
    assert store.jobs.status(job_id) == "queued"


def test_nothing_is_missed_between_a_look_and_a_wait(store: Store, signal: ChangeSignal) -> None:
    never = threading.Event()
    seen: set[str] = set()
    _, place = store.changes.look(None)
    for _ in range(20):
        assert signal.wait(never)
        found, place = store.changes.look(place)
        seen |= set(found.jobs)
        job_id = enqueue(store)  # after the look: the next wait does not sleep
        assert job_id not in seen


def test_who_is_to_stop_waits_no_more(store: Store, signal: ChangeSignal) -> None:
    stopping = threading.Event()
    assert signal.wait(stopping)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(signal.wait(stopping)))
    stopping.set()
    thread.start()
    thread.join(30)
    assert results == [False]
