"""The queue against a model of it: every sequence of moves, in every order, stale ends included."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from qntx.errors import IllegalTransition, NotFound
from qntx.model.job import FINAL, JobRequest, JobStatus
from tests.support.effort import FULL
from tests.support.queue_bench import HANDLERS, Attempt, Bench

from .backends import Backend

ACTIVE = ("queued", "running", "paused")
BLAMELESS = ("server_restarted", "lease_expired", "neighbour_stopped")
REQUESTS = st.lists(
    st.builds(
        JobRequest,
        handler_name=st.sampled_from(HANDLERS),
        source=st.sampled_from("st"),
        priority=st.integers(-1, 1),
        delay_s=st.sampled_from([0.0, 0.0, 3_600.0]),
        idempotency_key=st.sampled_from([None, None, "k", "l"]),
        unique=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@dataclasses.dataclass
class Expected:
    """What the model knows of a job."""

    handler: str
    source: str
    priority: int
    order: int
    #: Due only in an hour.
    delayed: bool = False
    parent: str | None = None
    status: str = "queued"
    attempt: int = 0
    begun: bool = False
    crashes: int = 0
    stop: str | None = None
    waiting: bool = False
    progress: int = 0
    checkpoint: Any = None


class QueueMachine(RuleBasedStateMachine):
    """Each rule does the same to the queue and to the model; the invariants compare them."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="queue-model-"))
        self.opened = backend.make(self.folder / "home")
        self.bench = Bench(self.folder / "home", self.opened.__enter__())
        self.jobs: dict[str, Expected] = {}
        self.keys: dict[str, str] = {}
        self.attempts: list[Attempt] = []

    def teardown(self) -> None:
        self.bench.close()
        self.opened.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what the model says ---------------------------------------------------------------------

    def expect(self, request: JobRequest) -> tuple[str | None, Expected]:
        """The id of the job that stands for *request* already, or the new job."""
        if request.unique:
            for job_id, job in self.jobs.items():
                place = (job.handler, job.source)
                if place == (request.handler_name, request.source) and job.status in ACTIVE:
                    return job_id, job
        if request.idempotency_key in self.keys:
            job_id = self.keys[str(request.idempotency_key)]
            return job_id, self.jobs[job_id]
        return None, Expected(
            request.handler_name,
            request.source,
            request.priority,
            len(self.jobs),
            request.delay_s > 0,
            request.parent_job_id,
        )

    def ready(self, handlers: list[str]) -> list[str]:
        """The jobs that may be claimed, in the order in which they must be."""
        found = [
            (-job.priority, job.order, job_id)
            for job_id, job in self.jobs.items()
            if job.status == "queued" and not job.delayed and job.handler in handlers
        ]
        return [job_id for _, _, job_id in sorted(found)]

    def counts(self, attempt: Attempt) -> bool:
        """Whether what *attempt* says counts: it is the one that runs."""
        job = self.jobs[attempt.job.id]
        return job.status == "running" and job.attempt == attempt.job.attempt

    def ended(self, job_id: str, status: str, *, waiting: bool = False) -> None:
        """The running attempt of a job has ended, and the job is to be *status*."""
        job = self.jobs[job_id]
        if status in ("queued", "paused") and job.stop == "cancel":
            status, waiting = "cancelled", False
        elif status == "queued" and job.stop == "pause":
            status = "paused"
        stop = "pause" if waiting and job.stop == "pause" else None
        job.status, job.stop, job.waiting, job.delayed = status, stop, waiting, False
        if status in FINAL:
            self.wake(job.parent)
        elif waiting:
            self.wake(job_id)

    def wake(self, parent: str | None) -> None:
        """A parent that waits goes on when no child is active any more."""
        job = self.jobs.get(parent or "")
        if job is None or job.status != "paused" or not job.waiting:
            return
        if not any(c.status in ACTIVE for c in self.jobs.values() if c.parent == parent):
            job.status = "queued" if job.stop is None else "paused"
            job.waiting, job.stop = False, None

    def below(self, job_id: str) -> list[str]:
        """The descendants of a job."""
        found = [child for child, job in self.jobs.items() if job.parent == job_id]
        return found + [deep for child in found for deep in self.below(child)]

    # -- into the queue --------------------------------------------------------------------------

    @initialize(priorities=st.lists(st.integers(-1, 1), min_size=4, max_size=8))
    def some_jobs(self, priorities: list[int]) -> None:
        self.enqueue(
            [
                JobRequest(handler_name=HANDLERS[n % 2], source=str(n), priority=priority)
                for n, priority in enumerate(priorities)
            ]
        )

    @rule(requests=REQUESTS)
    def ask(self, requests: list[JobRequest]) -> None:
        self.enqueue(requests)

    def enqueue(self, requests: list[JobRequest]) -> None:
        for request, job_id in zip(requests, self.bench.queue.enqueue(requests), strict=True):
            known, job = self.expect(request)
            if known is not None:
                assert job_id == known
                continue
            assert job_id not in self.jobs
            self.jobs[job_id] = job
            if request.idempotency_key is not None:
                self.keys[request.idempotency_key] = job_id

    # -- attempts --------------------------------------------------------------------------------

    @rule(begins=st.booleans())
    def work(self, begins: bool) -> None:
        self.claim(2, HANDLERS, begins)

    @rule(
        limit=st.integers(1, 3),
        handlers=st.sampled_from([HANDLERS, ["a"], ["b"], []]),
        begins=st.booleans(),
    )
    def work_of_some_kind(self, limit: int, handlers: list[str], begins: bool) -> None:
        self.claim(limit, handlers, begins)

    def claim(self, limit: int, handlers: list[str], begins: bool) -> None:
        expected = self.ready(handlers)[:limit]
        assert self.bench.queue.has_due(handlers) == bool(expected)
        claimed = self.bench.queue.claim(limit, "w", handlers, 3_600)
        assert [job.id for job in claimed] == expected
        for found in claimed:
            job = self.jobs[found.id]
            job.status, job.attempt, job.begun = "running", job.attempt + 1, begins
            assert (found.attempt, found.crash_count) == (job.attempt, job.crashes)
            assert found.checkpoint == job.checkpoint
            self.attempts.append(Attempt(self.bench, found))
            if begins:
                self.attempts[-1].begin()
        self.bench.store_all()

    def pick(self, number: int) -> Attempt:
        """One of all attempts there ever were, the newest with the smallest numbers."""
        return self.attempts[-1 - number % len(self.attempts)]

    @precondition(lambda self: self.attempts)
    @rule(
        number=st.integers(0, 20),
        status=st.sampled_from(
            ["completed", "completed", "failed", "cancelled", "paused", "queued"]
        ),
    )
    def end(self, number: int, status: str) -> None:
        attempt = self.pick(number)
        counts = self.counts(attempt)
        attempt.end(status, retry=status == "queued")
        self.bench.store_all()
        if counts:
            self.ended(attempt.job.id, status)

    @precondition(lambda self: self.attempts)
    @rule(number=st.integers(0, 20), children=st.integers(0, 2))
    def wait_for_children(self, number: int, children: int) -> None:
        attempt = self.pick(number)
        counts, parent = self.counts(attempt), attempt.job.id
        for child in range(children):
            request = {"handler_name": "a", "source": "child"}
            child_id = f"{parent}.{attempt.job.attempt}.{len(self.jobs)}.{child}"
            attempt.event("spawn", id=child_id, request=request)
            if counts:
                job = Expected("a", "child", 0, len(self.jobs), False, parent)
                job.status = "cancelled" if self.jobs[parent].stop == "cancel" else "queued"
                self.jobs[child_id] = job
        state = {"waiting_for": "children"}
        attempt.end("paused", pulse_state=state)
        self.bench.store_all()
        if counts:
            self.ended(parent, "paused", waiting=True)

    @precondition(lambda self: self.attempts)
    @rule(
        number=st.integers(0, 20),
        first=st.booleans(),
        reason=st.sampled_from(["worker_killed: SIGKILL", *BLAMELESS]),
    )
    def worker_dies(self, number: int, reason: str, first: bool) -> None:
        attempt = self.pick(number)
        counts, job = self.counts(attempt), self.jobs[attempt.job.id]
        self.bench.rescue(attempt, reason, next_in_line=first)
        self.bench.store_all()
        if not counts:
            return
        blamed = reason not in BLAMELESS and (job.begun or first)
        job.crashes += blamed
        set_apart = blamed and job.crashes >= 3
        failed = blamed and (job.begun or set_apart)
        self.ended(attempt.job.id, "failed" if failed else "queued")

    @precondition(lambda self: self.attempts)
    @rule(number=st.integers(0, 20))
    def the_last_word_of_a_worker_counts_before_any_verdict_on_it(self, number: int) -> None:
        attempt = self.pick(number)
        counts, job = self.counts(attempt), self.jobs[attempt.job.id]
        attempt.end("completed")
        self.bench.rescue(attempt, "worker_killed: SIGKILL")
        self.bench.store_all()
        if counts:
            self.ended(attempt.job.id, "completed")
            assert (
                not any("worker is gone" in line for line in self.bench.lines(attempt.job.id)[-1:])
                or job.attempt > 1
            )

    @precondition(lambda self: self.attempts)
    @rule(number=st.integers(0, 20), value=st.integers(1, 9))
    def report(self, number: int, value: int) -> None:
        attempt = self.pick(number)
        attempt.event("progress", current=value)
        attempt.event("checkpoint", state={"at": value})
        self.bench.store_all()
        if self.counts(attempt):
            job = self.jobs[attempt.job.id]
            job.progress, job.checkpoint = value, {"at": value}

    @precondition(lambda self: self.attempts)
    @rule()
    def renew(self) -> None:
        keys = [attempt.key for attempt in self.attempts]
        over = {attempt.key for attempt in self.attempts if not self.counts(attempt)}
        assert self.bench.queue.renew(keys, 3_600) == over

    @precondition(lambda self: self.attempts)
    @rule(number=st.integers(0, 20))
    def a_worker_gives_back_what_it_has_not_begun_with(self, number: int) -> None:
        attempt = self.pick(number)
        job = self.jobs[attempt.job.id]
        if job.begun and self.counts(attempt):
            return
        self.bench.queue.renew([attempt.key], 3_600)
        self.bench.queue.put_back([attempt.job])
        if self.counts(attempt):
            job.attempt -= 1
            self.attempts.remove(attempt)
            self.ended(attempt.job.id, "queued")

    # -- control ---------------------------------------------------------------------------------

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 20), move=st.sampled_from(["cancel", "pause", "resume", "retry"]))
    def control(self, number: int, move: str) -> None:
        job_id = list(self.jobs)[number % len(self.jobs)]
        job = self.jobs[job_id]
        allowed = {
            "cancel": ACTIVE,
            "pause": ("queued", "running"),
            "resume": ("paused",),
            "retry": ("failed", "cancelled"),
        }[move]
        call = getattr(self.bench.queue, move)
        if job.status not in allowed:
            with pytest.raises(IllegalTransition, match=f"{job_id} is {job.status}"):
                call(job_id)
            return
        call(job_id)
        if move == "resume" and job.stop == "pause":
            job.stop = None
            return
        if move in ("resume", "retry"):
            job.status, job.waiting, job.crashes, job.stop = "queued", False, 0, None
            if move == "retry":
                job.delayed = False
            return
        self.stop(job_id, move)
        if move == "cancel":
            for child in self.below(job_id):
                if self.jobs[child].status in ACTIVE:
                    self.stop(child, move)

    def stop(self, job_id: str, move: str) -> None:
        job = self.jobs[job_id]
        if job.status == "running":
            job.stop = move if job.stop != "cancel" else "cancel"
            return
        job.status, job.stop = {"cancel": "cancelled", "pause": "paused"}[move], None
        job.waiting = job.waiting and move == "pause"
        if move == "cancel":
            self.wake(job.parent)

    @rule(move=st.sampled_from(["cancel", "pause", "resume", "retry"]))
    def unknown(self, move: str) -> None:
        with pytest.raises(NotFound, match="JB_nothing"):
            getattr(self.bench.queue, move)("JB_nothing")

    # -- what always holds -----------------------------------------------------------------------

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        shown = self.bench.store.jobs.page(limit=1_000).jobs[::-1]
        assert [job.id for job in shown] == list(self.jobs)
        for found in shown:
            job = self.jobs[found.id]
            assert (found.status, found.attempt, found.stop_request, found.progress.current) == (
                job.status,
                job.attempt,
                job.stop,
                job.progress,
            )
            assert (found.completed_at is not None) == (JobStatus(found.status) in FINAL), found

    @invariant()
    def only_the_newest_attempt_of_a_running_job_is_open(self) -> None:
        running = {(i, job.attempt) for i, job in self.jobs.items() if job.status == "running"}
        leased = self.bench.queue.running()
        assert {(job.id, job.attempt) for job, _, _ in leased} == running
        for job_id in self.jobs:
            for attempt in self.bench.store.jobs.attempts(job_id)[:-1]:
                assert attempt.ended_at is not None, attempt


def test_the_queue_does_what_its_model_does(backend: Backend) -> None:
    run_state_machine_as_test(
        partial(QueueMachine, backend),
        settings=settings(
            max_examples=1_000 if FULL else 25,
            stateful_step_count=60 if FULL else 40,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
