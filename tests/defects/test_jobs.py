"""Defects 13-27: jobs, workers, retries, control, gates."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from qntx.builtin import built_in_app
from qntx.clock import iso, now_us
from qntx.config import load
from qntx.errors import IllegalTransition
from qntx.explain.wait_reasons import WaitReasons
from qntx.model.job import JobRequest
from qntx.model.retry import Backoff
from qntx.runtime.rate_limits import RateLimits
from qntx.storage.sqlite.store import SqliteStore
from tests.support.processes import command_of, send
from tests.support.queue_bench import Bench
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE, Running


def test_defect_13_the_oldest_comes_first_within_a_priority(bench: Bench) -> None:
    """Newest first: the old ones starve."""
    ids = [bench.enqueue(priority=priority) for priority in (0, 0, 5, 0, 5)]
    claimed = [attempt.job.id for attempt in bench.claim(10)]
    assert claimed == [ids[2], ids[4], ids[0], ids[1], ids[3]]


def test_defect_14_a_job_without_a_handler_waits_and_blocks_nobody(running: Running) -> None:
    """It is claimed and given back at every poll, for ever, two lines of log each time."""
    app = running.app
    gone = JobRequest(handler_name="gone.handler", source="x", priority=9)
    waiting = app.enqueue_all([gone] * 3)
    free: Any = running.final(app.enqueue("test.noop"))
    assert free.status == "completed"
    for job_id in waiting:
        job = app.store.jobs.get(job_id)
        assert (job.status, job.attempt) == ("queued", 0)
        assert job.counts.total <= 1  # that it waits, and why
        app.queue.cancel(job_id)


def test_defect_15_a_retry_is_no_failure_and_waits_its_time(bench: Bench) -> None:
    """The retry is written, then overwritten with failed; and there is no back-off."""
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


def test_defect_16_words_in_a_message_decide_nothing(running: Running, tmp_path: Path) -> None:
    """``ai`` is in failed, email and available: nearly everything is an error of the AI."""
    retried: Any = running.final(running.app.enqueue("test.flaky", {"path": str(tmp_path / "o")}))
    assert (retried.status, retried.attempt) == ("completed", 3)
    mistake: Any = running.final(running.app.enqueue("test.mistake"))
    assert (mistake.status, mistake.attempt, mistake.error_type) == ("failed", 1, "ValueError")


def test_defect_17_a_running_job_hears_and_no_stale_row_overwrites_it(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.polite", {"path": str(out)})
    wait_until(lambda: lines(out))
    running.app.queue.pause(job_id)
    wait_until(lambda: running.app.store.jobs.get(job_id).status == "paused")
    time.sleep(0.1)
    assert running.app.store.jobs.get(job_id).status == "paused"
    assert running.app.queue.resume(job_id) == "queued"
    wait_until(lambda: len(lines(out)) == 2)
    running.app.queue.cancel(job_id)
    job: Any = running.final(job_id)
    assert job.status == "cancelled"


def test_defect_17_a_wish_that_comes_too_late_for_the_attempt_holds_for_the_job(
    bench: Bench,
) -> None:
    for move, status in (("cancel", "cancelled"), ("pause", "paused")):
        job_id = bench.enqueue(max_attempts=9)
        attempt = bench.claim()[0]
        attempt.begin()
        getattr(bench.queue, move)(job_id)
        attempt.end("queued", attempt_status="failed", retry=True)
        bench.store_all()
        assert bench.status(job_id) == status
        assert bench.claim() == []


def app_attempts(running: Running, job_id: str) -> list[Any]:
    return list(running.app.store.jobs.attempts(job_id))


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


def test_defect_18_a_job_held_by_a_limit_goes_on_by_itself(bench: Bench) -> None:
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


def test_defect_19_the_gates_are_wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is: every job runs. Here no more jobs start than there are calls left."""
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    monkeypatch.setenv("QNTX_PULSE__MAX_CALLS_PER_MINUTE", "3")
    running = Running(tmp_path / "home", 2)
    with running.app.indexing():
        running.supervisor.start()
        payload = {"path": str(running.app.settings.home)}
        requests = [running.app.request("test.calls", payload, source=str(n)) for n in range(20)]
        ids = running.app.enqueue_all(requests)
        wait_until(lambda: running.app.store.jobs.counts()["completed"] >= 3)
        reason = wait_until(lambda: running.app.store.jobs.get(ids[-1]).pulse_state)
        assert reason["pause_reason"] == "rate_limited"
        time.sleep(0.5)
        assert running.app.store.jobs.counts()["completed"] == 3
        running.supervisor.stop()


def test_defect_20_jobs_of_a_dead_server_go_on(tmp_path: Path) -> None:
    """They are failed, their executions run for ever, their children are cancelled."""

    home, out = tmp_path / "home", tmp_path / "out"

    app = built_in_app(load(home=home, app=[MODULE]))
    job_id = app.enqueue("test.polite", {"path": str(out)})
    child = app.enqueue("test.noop", parent_job_id=job_id, delay_s=3_600)
    tree = Tree(home, 1)
    try:
        wait_until(lambda: lines(out))
        tree.restart()
        wait_until(lambda: len(lines(out)) == 2)
        assert lines(out)[1] != "from 0"
        first = app.store.jobs.attempts(job_id)[0]
        assert (first.status, first.reason) == ("failed", "server_restarted")
        assert app.store.jobs.get(job_id).retry_count == 0
        assert app.store.jobs.get(child).status == "queued"
    finally:
        tree.kill()


def _claim_all(home: str, out: Any) -> None:
    store = SqliteStore(Path(home) / "qntx.db")
    found = []
    while jobs := store.queue.claim(3, f"w{os.getpid()}", ["a"], 30):
        found += [job.id for job in jobs]
    out.put(found)


def test_defect_21_many_processes_claim_each_job_once_and_at_once(bench: Bench) -> None:
    """A lock within one process, and polls of one to five seconds."""
    ids = bench.queue.enqueue([JobRequest(handler_name="a", source="x")] * 400)
    context = multiprocessing.get_context("spawn")
    out: Any = context.Queue()
    home = str(bench.home)
    processes = [context.Process(target=_claim_all, args=(home, out)) for _ in range(3)]
    for process in processes:
        process.start()
    claimed = [job_id for _ in processes for job_id in out.get(timeout=60)]
    for process in processes:
        process.join(30)
    assert sorted(claimed) == sorted(ids)


def test_defect_21_a_job_starts_when_it_is_enqueued_not_at_the_next_poll(
    running: Running,
) -> None:
    running.final(running.app.enqueue("test.noop"))
    waits = []
    for _ in range(20):
        job: Any = running.final(running.app.enqueue("test.noop"))
        from qntx.clock import from_iso

        waits.append(from_iso(str(job.started_at)) - from_iso(job.created_at))
    assert sorted(waits)[10] < 250_000


@pytest.mark.parametrize("handler", ["test.sleepy", "test.sleepy-async"])
def test_defect_22_a_handler_has_its_timeout(running: Running, handler: str) -> None:
    job: Any = running.final(running.app.enqueue(handler))
    assert (job.status, job.error_type) == ("failed", "timeout")
    assert job.duration_ms < 30_000


def test_defect_23_checkpoints_are_read_and_written(bench: Bench) -> None:
    job_id = bench.enqueue()
    first = bench.claim()[0]
    first.event("checkpoint", state={"last": "CN_7"})
    bench.rescue(first, "server_restarted")
    bench.store_all()
    second = bench.claim()[0]
    assert second.job.checkpoint == {"last": "CN_7"}
    first.event("checkpoint", state={"last": "CN_1"})
    bench.store_all()
    bench.rescue(second, "server_restarted")
    bench.store_all()
    assert bench.claim()[0].job.checkpoint == {"last": "CN_7"}
    assert bench.status(job_id) == "running"


def test_defect_24_counts_and_lists_have_no_hidden_end(bench: Bench) -> None:
    """A limit of 10,000 that once cut the counts, and was never enforced."""
    bench.queue.enqueue([JobRequest(handler_name="a", source="x")] * 10_001)
    assert bench.store.jobs.counts()["queued"] == 10_001
    seen, cursor = 0, None
    while True:
        page = bench.store.jobs.page(limit=1_000, cursor=cursor)
        seen, cursor = seen + page.count, page.next_cursor
        if cursor is None:
            break
    assert seen == 10_001


def test_defect_25_what_a_handler_reported_is_kept_when_it_ends(
    running: Running, tmp_path: Path
) -> None:
    """The row is read anew at the end: progress and cost are gone."""
    job: Any = running.final(running.app.enqueue("test.note", {"path": str(tmp_path / "out")}))
    assert (job.progress.current, job.progress.total, job.cost_actual) == (1, 1, 0.5)


def test_defect_26_whatever_a_handler_does_only_its_job_ends(running: Running) -> None:
    """A panic in a handler takes the whole server down."""
    for handler, error in (
        ("test.poison", "quarantined"),
        ("test.leaves", "worker_died"),
        ("test.exits", "SystemExit"),
    ):
        job: Any = running.final(running.app.enqueue(handler))
        assert (job.status, job.error_type) == ("failed", error)
    after: Any = running.final(running.app.enqueue("test.noop"))
    assert after.status == "completed"


def test_defect_27_the_end_of_a_job_reaches_its_execution_whoever_listens(bench: Bench) -> None:
    """A subscriber whose channel is full misses it, and the execution runs for ever."""
    db = bench.store.connection
    job_id = bench.enqueue(execution_id="PX_1")
    at = iso(now_us())
    db.execute(
        "INSERT INTO pulse_executions(id, scheduled_job_id, async_job_id, status, started_at,"
        " created_at, updated_at) VALUES('PX_1', 'SP_1', ?, 'running', ?2, ?2, ?2)",
        (job_id, at),
    )
    attempt = bench.claim()[0]
    attempt.begin()
    bench.rescue(attempt, "worker_killed: SIGKILL")
    bench.store_all()
    assert db.execute("SELECT status, error_message FROM pulse_executions").fetchall() == [
        ("failed", "worker_killed: SIGKILL")
    ]


# -- beyond the list: what reviews of this implementation found ----------------------------------


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


def test_an_innocent_neighbour_of_a_job_that_will_not_stop_is_not_failed(
    running: Running, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    stubborn = running.app.enqueue("test.stubborn-async", {"path": str(out)})
    wait_until(lambda: lines(out))
    neighbours = [
        running.app.enqueue("test.asynchronous", {"path": str(other), "text": "4"}, source=str(n))
        for n in range(4)
    ]
    wait_until(lambda: len(lines(other)) == 4)
    running.app.queue.cancel(stubborn)
    job: Any = running.final(stubborn)
    assert job.status == "cancelled"
    for job_id in neighbours:
        found: Any = running.final(job_id)
        assert found.status == "completed"
        assert {a.reason for a in app_attempts(running, job_id)} <= {None, "neighbour_stopped"}


def test_sigterm_to_a_worker_cancels_nothing(running: Running, tmp_path: Path) -> None:
    """A service manager may send it to the whole group."""
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.asleep", {"path": str(out), "text": "1.0"})
    wait_until(lambda: lines(out))
    os.kill(int(lines(out)[0]), signal.SIGTERM)
    job: Any = running.final(job_id)
    assert (job.status, job.attempt) == ("completed", 1)


def test_a_waiting_job_that_is_cancelled_behind_a_long_one_harms_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    running = Running(tmp_path / "home", 1, stop_grace_s=0.2)
    app, out = running.app, tmp_path / "out"
    with running.app.indexing():
        running.supervisor.start()
        quick = [app.request("test.noop", source=str(n)) for n in range(300)]
        app.enqueue_all(quick)
        long = app.enqueue("test.asleep", {"path": str(out), "text": "4.0"})
        behind = app.enqueue_all(quick[:5])
        wait_until(lambda: lines(out))
        for job_id in behind:
            app.queue.cancel(job_id)
        job: Any = running.final(long)
        assert (job.status, job.attempt) == ("completed", 1)
        for job_id in behind:
            found: Any = running.final(job_id)
            assert found.status == "cancelled"
        running.supervisor.stop()


def test_a_dead_indexer_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    app = built_in_app(load(home=tmp_path / "home", app=[MODULE]))
    tree = Tree(app.settings.home, 1)
    try:
        first = app.enqueue("test.noop")
        wait_until(lambda: app.store.jobs.get(first).status == "completed")
        indexers = [p for p in tree.members() if b"indexer.process" in command_of(p)]
        assert len(indexers) == 1
        send(indexers[0], signal.SIGKILL)
        second = app.enqueue("test.noop")
        wait_until(lambda: app.store.jobs.get(second).status == "completed")
    finally:
        tree.kill()


def test_control_of_a_job_that_is_over_is_a_conflict(bench: Bench) -> None:
    job_id = bench.enqueue()
    attempt = bench.claim()[0]
    attempt.end("completed")
    bench.store_all()
    for move in ("cancel", "pause", "resume", "retry"):
        with pytest.raises(IllegalTransition, match=job_id):
            getattr(bench.queue, move)(job_id)


def test_a_delay_goes_on_while_a_job_is_paused(bench: Bench) -> None:
    later = bench.enqueue(delay_s=3600)
    due_at = bench.store.jobs.get(later).next_attempt_at
    bench.queue.pause(later)
    bench.queue.resume(later)
    assert bench.claim() == []
    assert bench.store.jobs.get(later).next_attempt_at == due_at
