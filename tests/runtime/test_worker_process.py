"""A worker process whose supervisor is the test: what it says, and makes of what it hears."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from qntx.clock import now_us
from qntx.config import load
from qntx.explain.wait_reasons import WaitReasons
from qntx.journal.writer import Journal
from qntx.model.job import Claimed, JobRequest
from qntx.runtime.dispatch import LONGEST_PAUSE_S, Dispatcher
from qntx.runtime.leases import Leases
from qntx.runtime.wire import Assign, Beat, Done, Ready, Recall, Returned, Stop
from qntx.runtime.worker_process import spawn
from qntx.storage.sqlite.store import SqliteStore
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE

pytestmark = pytest.mark.slow

Said = TypeVar("Said")
#: After so many seconds what a worker should say does not come any more.
PATIENCE_S = 20.0


class Driven:
    """A worker, and what it has said and nobody has asked for."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self._lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT)
        self.settings = load(home=home)
        self.worker = spawn(self.settings, "driven", self._lock)
        self._said: list[Any] = []
        self.worker.introduced = self.hear(Ready)

    def assign(self, *jobs: Claimed) -> None:
        """Hand *jobs* over."""
        self.worker.send(Assign(list(jobs)))

    def hear(self, kind: type[Said]) -> Said:
        """The next message of *kind*."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for number, message in enumerate(self._said):
                if isinstance(message, kind):
                    del self._said[: number + 1]
                    return message
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {kind.__name__} in {PATIENCE_S} s"
            if not select.select([self.worker.channel], [], [], left_s)[0]:
                continue
            messages = self.worker.channel.receive()
            assert messages is not None, "the worker is gone"
            self._said += [m for m in messages if not isinstance(m, Beat)]

    def hear_of(self, *job_ids: str) -> None:
        """Wait until the worker has said of all *job_ids* that they are over."""
        left = set(job_ids)
        while left:
            left -= {job_id for job_id, _ in self.hear(Done).attempts}

    def end(self) -> None:
        """The supervisor is gone."""
        self.worker.channel.close()
        self.worker.process.kill()
        self.worker.process.wait()
        os.close(self.worker.pidfd)
        os.close(self._lock)


@pytest.fixture
def driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driven]:
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    found = Driven(tmp_path / "home")
    yield found
    found.end()


def claimed(job_id: str, handler: str, attempt: int = 1, **payload: str) -> Claimed:
    return Claimed(
        id=job_id, handler_name=handler, source="test", payload=payload or None, attempt=attempt
    )


def test_it_says_that_a_job_is_over_while_the_next_one_runs(driven: Driven, tmp_path: Path) -> None:
    """Else the next one is taken for it: timed from its start, and killed for its timeout."""
    out, enough = tmp_path / "out", tmp_path / "enough"
    short = [claimed(f"JB_{number}", "test.noop") for number in range(20)]
    long = claimed("JB_long", "test.until", path=str(out), text=str(enough))
    driven.assign(*short, long)
    driven.hear_of(*(job.id for job in short))
    wait_until(lambda: lines(out))
    enough.touch()
    driven.hear_of("JB_long")


def test_a_wish_that_comes_after_the_end_does_not_stop_the_next_attempt(
    driven: Driven, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = claimed("JB_again", "test.note", path=str(out), text="first")
    driven.assign(first)
    driven.hear_of("JB_again")
    driven.worker.send(Stop("JB_again", "timeout"))
    driven.assign(claimed("JB_again", "test.note", 2, path=str(out), text="second"))
    driven.hear_of("JB_again")
    assert lines(out) == ["first", "second"]


def test_a_wish_for_a_job_that_was_given_back_does_not_stop_it_when_it_returns(
    driven: Driven, tmp_path: Path
) -> None:
    out, enough = tmp_path / "out", tmp_path / "enough"
    before = claimed("JB_before", "test.until", path=str(tmp_path / "begun"), text=str(enough))
    waiting = claimed("JB_waiting", "test.note", path=str(out), text="ran")
    driven.assign(before, waiting)
    wait_until(lambda: lines(tmp_path / "begun"))
    driven.worker.send(Stop("JB_waiting", "timeout"))
    driven.worker.send(Recall())
    assert driven.hear(Returned).job_ids == ["JB_waiting"]
    driven.assign(waiting)
    enough.touch()
    driven.hear_of("JB_before", "JB_waiting")
    assert lines(out) == ["ran"]


def test_a_delayed_job_that_is_due_and_cannot_run_is_not_looked_for_again_and_again(
    driven: Driven,
) -> None:
    store = SqliteStore(driven.settings.database)
    journal = Journal(driven.settings.home / "journal")
    leases = Leases(store.supervisors, 30.0, journal)
    dispatcher = Dispatcher(store, driven.settings, leases, WaitReasons(journal))
    request = JobRequest(handler_name="test.of-nobody", source="test", delay_s=0.001)
    store.queue.enqueue([request])
    due_us = store.queue.next_due_us(0)
    assert due_us is not None
    wait_until(lambda: now_us() > due_us)
    assert dispatcher.dispatch([driven.worker]) == LONGEST_PAUSE_S
    leases.close()
    journal.close()
    store.close()


def test_the_end_of_an_attempt_is_not_taken_for_that_of_the_next(driven: Driven) -> None:
    """A retry without a wait comes back to the worker before the end of the first is told."""
    second = claimed("JB_retried", "test.noop", 2)
    driven.worker.sync[second.id] = second
    assert driven.worker.ended([("JB_retried", 1)], now=0.0) == []
    assert driven.worker.jobs == {second.id: second}
    assert driven.worker.ended([("JB_retried", 2)], now=0.0) == ["JB_retried"]
    assert driven.worker.jobs == {}
