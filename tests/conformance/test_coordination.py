"""How processes that share a store agree: who is at work, who leads, who wakes whom."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.storage.interfaces import Store

from .backends import Backend

ROOT = Path(__file__).resolve().parent.parent.parent


def test_supervisors_are_known_while_they_live(store: Store) -> None:
    assert store.supervisors.live_handlers() is None
    first = store.supervisors.register()
    second = store.supervisors.register()
    assert first.name != second.name
    first.announce(["b", "a"])
    second.announce(["c"])
    assert store.supervisors.live_handlers() == {"a", "b", "c"}
    first.announce(["a"])
    assert store.supervisors.live_handlers() == {"a", "c"}
    assert not store.supervisors.is_gone(first.name)
    first.close()
    assert store.supervisors.is_gone(first.name)
    assert not store.supervisors.is_gone(second.name)
    assert store.supervisors.live_handlers() == {"c"}
    second.close()
    assert store.supervisors.live_handlers() is None


@pytest.mark.slow
def test_a_supervisor_that_was_killed_is_gone(backend: Backend, folder: Path, store: Store) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.supervising", backend.name, folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert store.supervisors.live_handlers() == {"a"}
    assert not store.supervisors.is_gone(name)
    assert store.leadership("ticker").is_taken()
    assert not store.leadership("ticker").take()
    process.kill()
    process.communicate()
    assert store.supervisors.is_gone(name)
    assert store.supervisors.live_handlers() is None
    mine = store.leadership("ticker")
    assert mine.is_taken() is False
    assert mine.take()
    mine.release()


def test_one_leads_until_it_gives_it_back(backend: Backend, store: Store, folder: Path) -> None:
    first = store.leadership("test")
    with backend.make(folder) as other:
        second = other.leadership("test")
        assert second.is_taken() is None
        assert first.take()
        assert first.take(), "who leads already goes on"
        assert first.is_taken()
        assert second.is_taken()
        assert not second.take()
        assert other.leadership("another").take()
        second.release()
        assert first.is_taken(), "only who leads can give it back"
        first.release()
        assert second.is_taken() is False
        assert second.take()
        assert not first.take()
        second.release()


def test_a_listener_is_woken(backend: Backend, folder: Path, store: Store) -> None:
    mine = store.wakeup("x")
    assert mine.descriptors == []
    mine.notify()  # nobody listens
    mine.listen()
    assert select.select(mine.descriptors, [], [], 0)[0] == []
    with backend.make(folder) as another:
        another.wakeup("y").notify()
        assert select.select(mine.descriptors, [], [], 0)[0] == [], "of another name"
        for _ in range(3):
            another.wakeup("x").notify()
    assert select.select(mine.descriptors, [], [], 30)[0]
    mine.clear()
    assert select.select(mine.descriptors, [], [], 0)[0] == []


def test_who_hands_out_jobs_is_woken_when_there_is_one(store: Store) -> None:
    jobs = store.wakeup("jobs")
    jobs.listen()
    for notify in (store.notify_jobs, lambda: store.queue.enqueue([])):
        notify()
        assert select.select(jobs.descriptors, [], [], 30)[0]
        jobs.clear()
