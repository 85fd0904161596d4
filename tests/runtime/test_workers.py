"""Jobs in real workers: retries, control, deaths, children, gates."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.errors import BadInput, IllegalTransition, NotFound, UnknownHandler
from qntx.model.views import LogFilter
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE, Running, checkpoint_of, working

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same workers for all tests: no job is any other's business."""
    with working(tmp_path_factory.mktemp("working") / "home") as found:
        yield found


def messages(running: Running, job_id: str) -> list[str]:
    return [line.message for line in running.app.store.logs.page(job_id, LogFilter()).logs]


def test_a_job_runs_and_what_it_returned_is_kept(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.note", {"path": str(out), "text": "hello"})
    job: Any = running.final(job_id)
    assert (job.status, job.result, job.attempt) == ("completed", {"attempt": 1}, 1)
    assert (job.progress.current, job.progress.total, job.cost_actual) == (1, 1, 0.5)
    assert lines(out) == ["hello"]


def test_a_wrong_payload_and_an_unknown_handler_are_refused_at_once(running: Running) -> None:
    with pytest.raises(BadInput, match=r"test\.note.*text"):
        running.app.enqueue("test.note", {"text": 3})
    with pytest.raises(UnknownHandler, match=r"unknown handler 'test\.nothing'"):
        running.app.enqueue("test.nothing")


def test_an_exception_that_is_worth_it_is_retried(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job: Any = running.final(running.app.enqueue("test.flaky", {"path": str(out)}))
    assert (job.status, job.attempt, job.retry_count) == ("completed", 3, 2)
    assert lines(out) == ["attempt 1", "attempt 2", "attempt 3"]
    attempts = running.app.store.jobs.attempts(job.id)
    assert [a.status for a in attempts] == ["failed", "failed", "completed"]
    assert any("retry in" in m and "ConnectionError" in m for m in messages(running, job.id))


def test_retries_go_by_the_type_of_the_exception_not_by_its_words(running: Running) -> None:
    job: Any = running.final(running.app.enqueue("test.mistake"))
    assert (job.status, job.attempt, job.error_type) == ("failed", 1, "ValueError")


@pytest.mark.parametrize("handler", ["test.sleepy", "test.sleepy-async"])
def test_a_job_that_runs_too_long_is_stopped(running: Running, handler: str) -> None:
    job: Any = running.final(running.app.enqueue(handler))
    assert (job.status, job.error_type) == ("failed", "timeout")
    assert job.duration_ms < 30_000, "it would sleep twice as long"
    assert "asleep" in messages(running, job.id)


def test_a_timeout_is_retried_however_the_handler_was_stopped(running: Running) -> None:
    job: Any = running.final(running.app.enqueue("test.sleepy-twice"))
    assert (job.status, job.attempt) == ("completed", 2)
    assert running.app.store.jobs.attempts(job.id)[0].error_type == "timeout"


def test_a_running_job_is_cancelled(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.polite", {"path": str(out)})
    wait_until(lambda: lines(out))
    assert running.app.queue.cancel(job_id) == "running"
    job: Any = running.final(job_id)
    assert job.status == "cancelled"
    with pytest.raises(IllegalTransition, match=r"is cancelled"):
        running.app.queue.cancel(job_id)


def test_a_job_is_paused_resumed_and_goes_on_from_its_checkpoint(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.polite", {"path": str(out)})
    wait_until(lambda: checkpoint_of(running.app, job_id))
    running.app.queue.pause(job_id)
    wait_until(lambda: running.app.store.jobs.get(job_id).status == "paused")
    for _ in range(4):  # whatever its worker had to say of it has been said
        running.final(running.app.enqueue("test.noop"))
    assert running.app.store.jobs.get(job_id).status == "paused"
    assert running.app.queue.resume(job_id) == "queued"
    wait_until(lambda: len(lines(out)) == 2)
    assert int(lines(out)[1].split()[1]) > 0
    running.app.queue.cancel(job_id)
    assert running.final(job_id).status == "cancelled"  # type: ignore[attr-defined]


def test_a_handler_that_will_not_stop_is_killed_and_the_worker_replaced(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.stubborn", {"path": str(out)})
    wait_until(lambda: lines(out))
    running.app.queue.cancel(job_id)
    job: Any = running.final(job_id)
    assert job.status == "cancelled"
    assert "I will not stop" in messages(running, job_id)
    note = running.app.enqueue("test.note", {"path": str(out), "text": "after"})
    assert running.final(note).status == "completed"  # type: ignore[attr-defined]


def test_many_async_jobs_run_at_once_in_one_worker(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    requests = [
        running.app.request("test.asynchronous", {"path": str(out), "text": "0.5"}, source=str(n))
        for n in range(20)
    ]
    ids = running.app.enqueue_all(requests)
    for job_id in ids:
        assert running.final(job_id).status == "completed"  # type: ignore[attr-defined]
        page = running.app.store.logs.page(job_id, LogFilter()).logs
        assert [(x.stage, x.message) for x in page] == [("wait", "done waiting")]
    times = [running.app.store.jobs.attempts(job_id)[0] for job_id in ids]
    at_once = [
        sum(1 for a in times if a.started_at <= b.started_at < str(a.ended_at)) for b in times
    ]
    assert max(at_once) > 2, "more than there are workers"


def test_an_exit_in_a_task_of_an_async_handler_ends_that_job_only(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    others = [
        running.app.enqueue("test.asynchronous", {"path": str(out), "text": "1"}, source=str(n))
        for n in range(4)
    ]
    wait_until(lambda: len(lines(out)) == 4)
    job: Any = running.final(running.app.enqueue("test.exits-within"))
    assert (job.status, job.error_type) == ("failed", "SystemExit")
    for job_id in others:
        found: Any = running.final(job_id)
        assert (found.status, found.attempt) == ("completed", 1)


def test_a_waiting_async_job_is_cancelled(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.asynchronous", {"path": str(out), "text": "60"})
    wait_until(lambda: lines(out))
    running.app.queue.cancel(job_id)
    assert running.final(job_id).status == "cancelled"  # type: ignore[attr-defined]


def test_tasks_of_a_group_that_heed_a_wish_end_their_job_as_it_asks(
    running: Running, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job_id = running.app.enqueue("test.polite-group", {"path": str(out)})
    wait_until(lambda: lines(out))
    running.app.queue.cancel(job_id)
    assert running.final(job_id).status == "cancelled"  # type: ignore[attr-defined]


def test_a_killed_worker_is_named_and_its_job_retried(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job: Any = running.final(running.app.enqueue("test.killed", {"path": str(out)}))
    assert (job.status, job.attempt) == ("completed", 2)
    first = running.app.store.jobs.attempts(job.id)[0]
    assert (first.status, first.reason) == ("failed", "worker_killed: SIGKILL")
    said = messages(running, job.id)
    assert said.index("the last words") < next(
        i for i, m in enumerate(said) if m.startswith("the worker is gone: worker_killed: SIGKILL")
    )


def test_a_dead_worker_is_seen_at_once_though_what_its_job_forked_lives_on(
    running: Running, tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    payload = {"path": "", "text": str(enough)}
    job: Any = running.final(running.app.enqueue("test.leaves-a-child", payload))
    assert (job.error, enough.exists()) == ("worker_killed: SIGKILL", False)
    enough.touch()


def test_a_poison_job_is_set_apart(running: Running) -> None:
    job: Any = running.final(running.app.enqueue("test.poison"))
    assert (job.status, job.error_type, job.attempt) == ("failed", "quarantined", 3)
    said = messages(running, job.id)
    assert any("Segmentation fault" in m or "Fatal Python error" in m for m in said)


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("test.poison", "quarantined"),
        ("test.leaves", "worker_died"),
        ("test.exits", "SystemExit"),
    ],
)
def test_whatever_a_handler_does_ends_only_its_own_job(
    running: Running, handler: str, error_type: str
) -> None:
    job: Any = running.final(running.app.enqueue(handler))
    assert (job.status, job.error_type) == ("failed", error_type)
    after: Any = running.final(running.app.enqueue("test.noop"))
    assert (after.status, after.attempt) == ("completed", 1)


def test_leaving_with_exit_code_zero_is_no_success(running: Running) -> None:
    job: Any = running.final(running.app.enqueue("test.leaves"))
    assert (job.status, job.error) == ("failed", "exit 0")


def test_a_parent_waits_for_its_children_without_a_worker(running: Running, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job: Any = running.final(running.app.enqueue("test.parent", {"path": str(out)}))
    assert job.status == "completed"
    assert job.result["attempt"] == 2
    children = running.app.store.jobs.children(job.id)
    assert [child.id for child in children] == job.result["children"]
    assert {child.status for child in children} == {"completed"}
    assert sorted(lines(out)) == ["child 0", "child 1", "child 2"]


def test_cancelling_a_parent_cancels_the_children_that_wait(running: Running) -> None:
    app = running.app
    parent = app.enqueue("test.noop", delay_s=60)
    child = app.enqueue("test.noop", delay_s=60, parent_job_id=parent)
    assert app.queue.cancel(parent) == "cancelled"
    assert app.store.jobs.get(child).status == "cancelled"


def test_a_budget_holds_metered_jobs_and_lets_them_go_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qntx.clock import iso, now_us

    monkeypatch.setenv("QNTX_APP", f'["{MODULE}"]')
    monkeypatch.setenv("QNTX_PULSE__DAILY_BUDGET_USD", "1.0")
    running = Running(tmp_path / "home", 1)
    db = running.app.store.connection
    db.execute(
        "INSERT INTO ai_model_usage(operation_type, entity_type, entity_id, model_name,"
        " model_provider, request_timestamp, created_at, cost, success)"
        " VALUES('x','x','x','x','x',?1,?1,2.0,1)",
        (iso(now_us()),),
    )
    with running.app.indexing():
        running.supervisor.start()
        held = running.app.enqueue("test.metered")
        free = running.app.enqueue("test.noop")
        assert running.final(free).status == "completed"  # type: ignore[attr-defined]
        state = wait_until(lambda: running.app.store.jobs.get(held).pulse_state)
        assert state["pause_reason"] == "budget_exceeded"
        assert "2.00 of 1.00 USD" in state["message"]
        assert running.app.store.jobs.get(held).status == "queued"
        db.execute("DELETE FROM ai_model_usage")
        job: Any = running.final(held)
        assert (job.status, job.pulse_state) == ("completed", None)
        running.supervisor.stop()


def test_a_stopped_server_gives_running_jobs_back(tmp_path: Path) -> None:
    with working(tmp_path / "home") as running:
        out = tmp_path / "out"
        job_id = running.app.enqueue("test.polite", {"path": str(out)})
        wait_until(lambda: lines(out))
        running.supervisor.stop(grace_s=0.2)
        wait_until(lambda: running.app.store.jobs.get(job_id).status == "queued")
        attempt = running.app.store.jobs.attempts(job_id)[0]
        assert attempt.reason == "server_shutdown"


def test_a_worker_that_hangs_loses_its_lease(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with working(tmp_path / "home", 1, lease_s=3.0) as running:
        job_id = running.app.enqueue("test.polite", {"path": str(out)})
        wait_until(lambda: lines(out))
        pid = int(str(running.supervisor.status()[0]["pid"]))
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: len(lines(out)) == 2)
        assert running.app.store.jobs.attempts(job_id)[0].reason == "lease_expired"
        running.app.queue.cancel(job_id)
        running.final(job_id)


def test_unknown_jobs_are_named(running: Running) -> None:
    with pytest.raises(NotFound, match="JB_nothing"):
        running.app.queue.cancel("JB_nothing")


def test_jobs_without_a_handler_are_not_claimed_and_block_nobody(running: Running) -> None:
    from qntx.model.job import JobRequest

    gone = JobRequest(handler_name="gone.handler", source="x", priority=9)
    lost = running.app.enqueue_all([gone] * 3)
    for _ in range(5):  # each has the supervisor look at the queue
        free: Any = running.final(running.app.enqueue("test.noop"))
        assert free.status == "completed"
    for job_id in lost:
        job = running.app.store.jobs.get(job_id)
        assert (job.status, job.attempt) == ("queued", 0)
        assert job.counts.total <= 1, "that it waits and why, once"
        running.app.queue.cancel(job_id)


def test_a_job_that_is_over_is_never_taken_for_an_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker says that it is over before its end is in the store; that is no death."""
    from qntx.runtime import leases, supervisor

    monkeypatch.setattr(leases, "RESCUE_S", 0.0)
    monkeypatch.setattr(supervisor, "SUPERVISOR_ROUND_S", 0.001)
    with working(tmp_path / "home", 1) as running:
        requests = [running.app.request("test.noop", source=str(n)) for n in range(50)]
        for job_id in running.app.enqueue_all(requests):
            running.final(job_id)
    rows = running.app.store.connection.execute("SELECT message FROM task_logs").fetchall()
    assert [row for row in rows if "worker is gone" in str(row[0])] == []


def test_a_job_is_claimed_when_it_is_enqueued_not_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the word of a new job wakes this supervisor: its only worker stands still."""
    from qntx.runtime import dispatch, supervisor

    monkeypatch.setattr(supervisor, "SUPERVISOR_ROUND_S", 3_600.0)
    monkeypatch.setattr(dispatch, "LONGEST_PAUSE_S", 3_600.0)
    with working(tmp_path / "home", 1) as running:
        running.final(running.app.enqueue("test.noop"))
        # Its end is stored before its worker says that it has time for another.
        wait_until(lambda: not running.supervisor.status()[0]["jobs"])
        pid = int(str(running.supervisor.status()[0]["pid"]))
        os.kill(pid, signal.SIGSTOP)
        try:
            job_id = running.app.enqueue("test.noop")
            wait_until(lambda: running.app.store.jobs.status(job_id) == "running", "it is claimed")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert running.final(job_id).status == "completed"  # type: ignore[attr-defined]
