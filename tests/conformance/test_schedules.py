"""Schedules: what is due, who moves one on, and how they are listed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qntx.errors import BadInput, Conflict, NotFound
from qntx.model.firing_policy import ON_TIME_US, SILENCE_US, Downtime
from qntx.storage.interfaces import Store

from .backends import Backend
from .firings import at, fire, minute, schedule
from .queueing import claim
from .small_indexer import SmallIndexer
from .test_at_once import together


def test_a_schedule_comes_back_as_it_was(store: Store) -> None:
    schedule_id = schedule(
        store,
        5,
        name="ä",
        payload={"n": [1, None]},
        metadata={"m": "\x00"},
        jitter_seconds=3,
        time_zone="Europe/Berlin",
        overlap="parallel(3)",
        missed="all(5)",
        priority=-2,
        created_from_doc_id="doc",
    )
    found = store.schedules.get(schedule_id)
    assert (found.name, found.payload, found.metadata) == ("ä", {"n": [1, None]}, {"m": "\x00"})
    assert (found.jitter_seconds, found.time_zone) == (3, "Europe/Berlin")
    assert (found.overlap, found.missed, found.priority) == ("parallel(3)", "all(5)", -2)
    assert (found.state, found.created_from_doc, found.declared_as) == ("active", "doc", None)
    assert (found.next_run_at, found.next_nominal_at) == (minute(5), minute(5))
    assert found.timing.startswith("every 1m")
    with pytest.raises(NotFound, match="SP_nothing"):
        store.schedules.get("SP_nothing")


def test_one_that_cannot_be_read_breaks_no_list(store: Store) -> None:
    damaged = schedule(store, anchor_at="yesterday")
    whole = schedule(store)
    found, _ = store.schedules.page()
    assert [one.id for one in found] == [whole, damaged]
    assert found[1].timing.startswith("unusable: ")


def test_what_is_due(store: Store) -> None:
    second, first = schedule(store, 2), schedule(store, 1)
    schedule(store, 1, state="paused")
    schedule(store, None)
    later = schedule(store, 9)
    assert store.schedules.due(at(0.9), 10) == []
    assert store.schedules.due(at(2), 10) == [first, second]
    assert store.schedules.due(at(2), 1) == [first]
    assert store.schedules.next_due_us() == at(1)
    assert {one.id for one in store.schedules.ahead(at(1))} == {second, later}
    with store.transaction():
        for each in (first, second, later):
            store.schedules.update(each, {"state": "paused"}, at(3))
    assert store.schedules.next_due_us() is None
    assert store.schedules.due(at(99), 10) == []


def test_jitter_moves_when_it_is_due_and_not_the_instant(store: Store) -> None:
    schedule_id = schedule(store, 1, next_run_at=minute(1.5))
    assert store.schedules.due(at(1.4), 10) == []
    assert store.schedules.due(at(1.5), 10) == [schedule_id]
    assert store.schedules.next_due_us() == at(1.5)
    assert store.schedules.ahead(at(1)) == []


def test_an_update_changes_what_it_names(store: Store) -> None:
    schedule_id, other = schedule(store), schedule(store)
    before, untouched = store.schedules.get(schedule_id), store.schedules.get(other)
    fields = {"payload": [1], "priority": 9, "state": "paused", "state_reason": "as asked"}
    with store.transaction():
        store.schedules.update(schedule_id, fields, at(7))
    after = store.schedules.get(schedule_id)
    assert after == msgspec.structs.replace(before, **fields, updated_at=minute(7))
    assert store.schedules.get(other) == untouched


def test_one_of_many_moves_a_schedule_on(store: Store) -> None:
    seen = store.schedules.get(schedule(store, 1))
    fields = {"next_run_at": minute(2), "next_nominal_at": minute(2)}
    with store.transaction():
        assert store.schedules.advance(seen, fields, at(1))
        assert not store.schedules.advance(seen, {"next_run_at": minute(3)}, at(1))
    moved = store.schedules.get(seen.id)
    assert (moved.next_run_at, moved.next_nominal_at) == (minute(2), minute(2))
    assert moved.updated_at == minute(1)
    with store.transaction():
        store.schedules.update(seen.id, {"state": "paused"}, at(1))
        assert not store.schedules.advance(moved, {"next_run_at": minute(3)}, at(1))
    without = store.schedules.get(schedule(store, None))
    with store.transaction():
        assert store.schedules.advance(without, fields, at(1)), "from no instant to one"
        assert not store.schedules.advance(without, fields, at(1))


def test_one_of_many_at_once_moves_a_schedule_on(
    backend: Backend, folder: Path, store: Store
) -> None:
    schedule_id = schedule(store, 0)
    for number in range(10):
        seen = store.schedules.get(schedule_id)
        fields = {"next_run_at": minute(number + 1), "next_nominal_at": minute(number + 1)}

        def advance(mine: Store) -> bool:
            with mine.transaction():
                return mine.schedules.advance(seen, fields, at(number))  # noqa: B023

        assert sorted(together(backend, folder, [advance] * 3)) == [False, False, True]


def test_a_key_that_code_declares_is_there_once(store: Store) -> None:
    first = schedule(store, declared_as="k")
    with pytest.raises(Conflict, match="'k'"):
        schedule(store, declared_as="k")
    second = schedule(store, declared_as="l")
    schedule(store)
    assert {key: one.id for key, one in store.schedules.declared().items()} == {
        "k": first,
        "l": second,
    }
    with store.transaction():
        store.schedules.update(first, {"state": "deleted"}, at(1))
    again = schedule(store, declared_as="k")
    assert store.schedules.declared()["k"].id == again


def test_pages(store: Store) -> None:
    states = ("active", "paused", "stopping", "inactive", "deleted")
    ids = [schedule(store, state=states[n % 5]) for n in range(15)]
    for states_wanted in ((), ("deleted",), ("active", "inactive")):
        expected = [
            schedule_id
            for n, schedule_id in reversed(list(enumerate(ids)))
            if states[n % 5] in (states_wanted or states[:4])
        ]
        for limit in (1, 2, 5, 100):
            found: list[str] = []
            cursor = None
            while True:
                page, cursor = store.schedules.page(
                    limit=limit, cursor=cursor, states=states_wanted
                )
                assert len(page) <= limit
                found += [one.id for one in page]
                if cursor is None:
                    break
            assert found == expected
    with pytest.raises(BadInput, match="'asleep'"):
        store.schedules.page(states=["asleep"])
    with pytest.raises(BadInput, match="'nowhere'"):
        store.schedules.page(cursor="nowhere")
    assert store.schedules.get(ids[4]).state == "deleted"


def test_a_schedule_that_stops_is_inactive_when_its_last_job_is_over(
    store: Store, indexer: SmallIndexer
) -> None:
    idle, busy = schedule(store, state="stopping"), schedule(store, state="stopping")
    schedule(store)
    fire(store, busy, 0)
    (job,) = claim(store)
    with store.transaction():
        assert store.schedules.finish_stopping(at(5)) == [idle]
    found = store.schedules.get(idle)
    assert (found.state, found.updated_at) == ("inactive", minute(5))
    assert store.schedules.get(busy).state == "stopping"
    indexer.end(job, "failed")
    with store.transaction():
        assert store.schedules.finish_stopping(at(6)) == [busy]
        assert store.schedules.finish_stopping(at(6)) == []


def test_the_beat_of_tickers_tells_when_none_was_at_work(store: Store) -> None:
    schedules, start = store.schedules, at(0)
    assert schedules.last_beat_us() is None

    def beat(at_us: int, *, begins: bool = False) -> Downtime | None:
        with store.transaction():
            found = schedules.beat(at_us, begins=begins)
        assert schedules.last_beat_us() == at_us
        return found

    assert beat(start) is None
    assert beat(start + SILENCE_US) is None
    began = start + SILENCE_US
    later = began + SILENCE_US + 1
    assert beat(later) == Downtime(began, later)
    assert beat(later + 1) == Downtime(began, later), "the last one is remembered"
    assert beat(later + 1 + ON_TIME_US, begins=True) == Downtime(began, later)
    fresh = later + 2 + 2 * ON_TIME_US
    assert beat(fresh, begins=True) == Downtime(later + 1 + ON_TIME_US, fresh)
