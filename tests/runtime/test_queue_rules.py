"""What the queue makes of what workers, supervisors and users tell it."""

from __future__ import annotations

from typing import Any

from qntx.clock import iso, now_us
from qntx.explain.wait_reasons import WaitReasons
from qntx.model.retry import Backoff
from qntx.runtime.rate_limits import RateLimits
from qntx.storage.sqlite.migrate import open_database
from qntx_recruiting.application import APPLICATION
from tests.support.queue_bench import Bench
from tests.support.waiting import wait_until


def test_a_retry_is_no_failure_and_waits_its_time(bench: Bench) -> None:
    job_id = bench.enqueue(max_attempts=2)
    attempt = bench.claim()[0]
    attempt.begin()
    later = iso(now_us() + 3_600_000_000)
    attempt.end("queued", attempt_status="failed", retry=True, next_attempt_at=later)
    attempt.end("failed")
    bench.store_all()
    job = bench.store.jobs.get(job_id)
    assert (job.status, job.retry_count, job.next_attempt_at) == ("queued", 1, later)
    assert bench.claim() == []
    waits = [Backoff(jitter=0).wait_s(n) for n in range(1, 12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300


def limited(bench: Bench, **limits: Any) -> RateLimits:
    from qntx.config import PulseSettings, Settings

    settings = Settings(home=bench.home, pulse=PulseSettings(**limits))
    return RateLimits(bench.store, settings, WaitReasons(bench.judge_journal))


def use(bench: Bench, cost: float) -> None:
    bench.store.connection.execute(
        "INSERT INTO ai_model_usage(operation_type, entity_type, entity_id, model_name,"
        " model_provider, request_timestamp, created_at, cost, success)"
        " VALUES('x','x','x','x','x',?1,?1,?2,1)",
        (iso(now_us()), cost),
    )


def test_a_job_held_by_a_limit_goes_on_by_itself(bench: Bench) -> None:
    open_database(bench.home / "qntx.db", applications=[APPLICATION]).close()
    job_id = bench.enqueue()
    gates = limited(bench, daily_budget_usd=1.0)
    use(bench, 2.0)
    assert gates.room(["a"], 0) == 0
    state = bench.store.jobs.get(job_id).pulse_state
    assert state["pause_reason"] == "budget_exceeded"
    assert bench.status(job_id) == "queued"
    bench.store.connection.execute("DELETE FROM ai_model_usage")
    assert wait_until(lambda: gates.room(["a"], 0)) > 0
    assert bench.store.jobs.get(job_id).pulse_state is None
    assert [attempt.job.id for attempt in bench.claim()] == [job_id]


def test_the_end_that_a_worker_told_before_it_died_counts(bench: Bench) -> None:
    """Even when the judge's journal is read first, and the worker's was not known yet."""
    other = bench.enqueue()
    bench.rescue(bench.claim()[0], "server_restarted")
    bench.store_all()
    bench.queue.cancel(other)
    job_id = bench.enqueue()
    attempt = bench.claim()[0]
    attempt.begin()
    attempt.end("completed")
    bench.rescue(attempt, "worker_killed: SIGKILL")
    bench.store_all()
    assert bench.status(job_id) == "completed"
    assert bench.lines(job_id) == []


def test_of_a_dead_workers_jobs_only_the_one_that_had_begun_is_blamed(bench: Bench) -> None:
    ids = [bench.enqueue() for _ in range(3)]
    attempts = bench.claim(3)
    attempts[1].begin()
    for number, attempt in enumerate(attempts):
        bench.rescue(attempt, "worker_killed: SIGSEGV", next_in_line=number == 0)
    bench.store_all()
    assert [bench.status(job_id) for job_id in ids] == ["queued", "failed", "queued"]
    reasons = [bench.store.jobs.attempts(job_id)[0].reason for job_id in ids]
    assert reasons == ["not_started", "worker_killed: SIGSEGV", "not_started"]


def test_children_of_an_attempt_that_is_over_or_of_a_cancelled_parent_do_not_run(
    bench: Bench,
) -> None:
    bench.enqueue()
    stale = bench.claim()[0]
    bench.rescue(stale, "lease_expired")
    bench.store_all()
    stale.event("spawn", id="JB_stale", request={"handler_name": "a", "source": "x"})
    current = bench.claim()[0]
    bench.queue.cancel(current.job.id)
    current.event("spawn", id="JB_late", request={"handler_name": "a", "source": "x"})
    bench.store_all()
    assert bench.store.jobs.status("JB_stale") is None
    assert bench.store.jobs.status("JB_late") == "cancelled"
    assert any("JB_stale was not enqueued" in line for line in bench.lines(current.job.id))
