"""Why jobs wait, in lines and rows: budgets, missing handlers, busy workers, lost leases."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.clock import iso, now_us
from qntx.config import load
from qntx.explain.sentences import explain_job
from qntx.model.job import JobRequest
from qntx.model.schedule import NewSchedule
from qntx.runtime.context import JobContext
from qntx.scheduler.service import ScheduleService
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import Running, working

pytestmark = pytest.mark.slow


def scheduler_lines(app: App, log: str) -> list[str]:
    rows = app.store.connection.execute(
        "SELECT message FROM task_logs WHERE job_id = ? AND source = 'scheduler' ORDER BY id",
        (log,),
    ).fetchall()
    return [str(row[0]) for row in rows]


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("QNTX_PULSE__DAILY_BUDGET_USD", "0.05")
    with working(tmp_path / "home", 1) as found:
        yield found


def schedule(app: App, handler: str, payload: Any = None) -> tuple[str, str]:
    """A schedule that has just fired, and its job."""
    service = ScheduleService(app.settings, app.store, app.request, app.registry)
    made, fired = service.create(
        NewSchedule(handler_name=handler, payload=payload, every="1d", force=True), by="a test"
    )
    assert fired is not None
    return made.id, str(fired.async_job_id)


def test_waiting_for_the_budget_is_a_line_of_the_job_and_of_its_schedule(limited: Running) -> None:
    app = limited.app
    pays: Any = limited.final(app.enqueue("test.calls", {"path": str(app.settings.home)}))
    assert pays.status == "completed"
    by_hand = app.enqueue("test.metered")
    of_schedule, job_id = schedule(app, "test.metered")
    for log in (by_hand, job_id, of_schedule):
        found = wait_until(lambda log=log: [x for x in scheduler_lines(app, log) if "waiting" in x])
        assert len(found) == 1
        assert found[0].startswith("waiting (budget): ")
        assert "0.10 of 0.05 USD spent in the last day" in found[0]
    with app.store.connection as db:
        db.execute("DELETE FROM ai_model_usage")
    for log in (by_hand, job_id):
        job: Any = limited.final(log)
        assert (job.status, job.attempt, job.pulse_state) == ("completed", 1, None)
        assert job.receipt.complete


def test_waiting_for_a_worker_is_a_line_of_the_job_and_of_its_schedule(
    running: Running, tmp_path: Path
) -> None:
    app = running.app
    outs = [tmp_path / "a", tmp_path / "b"]
    busy = [app.enqueue("test.polite", {"path": str(out)}) for out in outs]
    wait_until(lambda: all(lines(out) for out in outs))
    of_schedule, job_id = schedule(app, "test.noop")
    for log in (job_id, of_schedule):
        found = wait_until(lambda log=log: [x for x in scheduler_lines(app, log) if "waiting" in x])
        assert len(found) == 1
        assert found[0].endswith("all workers are busy with other jobs")
        assert found[0].startswith("waiting (concurrency): ")
    told = explain_job(app.store, app.registry, job_id)
    assert "It is held: all workers are busy with other jobs." in told.why
    assert "2 jobs run now." in told.why
    for other in busy:
        app.queue.cancel(other)
    assert running.final(job_id).status == "completed"  # type: ignore[attr-defined]


def test_a_job_without_a_handler_waits_visibly(running: Running) -> None:
    app = running.app
    gone = app.enqueue_all([JobRequest(handler_name="gone.handler", source="x")])[0]
    state = wait_until(lambda: app.store.jobs.get(gone).pulse_state)
    assert state["pause_reason"] == "no_handler"
    assert "no worker has the handler 'gone.handler'" in state["message"]
    said = wait_until(lambda: scheduler_lines(app, gone))
    assert said[0].startswith("waiting (handler): no worker has the handler 'gone.handler'")
    assert app.store.jobs.get(gone).status == "queued"


def test_explain_asks_the_workers_not_its_own_handlers(running: Running) -> None:
    wait_until(lambda: "test.noop" in (running.app.store.supervisors.live_handlers() or ()))
    stranger = built_in_app(load(home=running.app.settings.home, app=[]))
    stranger.handler("only.here")(lambda ctx, payload: None)
    alien = stranger.enqueue("only.here")
    told = explain_job(stranger.store, stranger.registry, alien)
    assert told.why[0] == "No worker has the handler 'only.here'."
    later = running.app.enqueue("test.noop", delay_s=1_000)
    stranger.registry._handlers.pop("test.noop", None)
    told = explain_job(stranger.store, stranger.registry, later)
    assert "It waits until" in told.why[0]
    running.supervisor.stop()
    assert running.app.store.supervisors.live_handlers() is None
    ready = running.app.enqueue("test.noop")
    told = explain_job(running.app.store, running.app.registry, ready)
    assert told.next[0].startswith("No worker is at work")


def test_a_lost_lease_is_a_line(running: Running) -> None:
    from qntx.recording.session import journal_of
    from qntx.runtime.rescue import rescue

    app = running.app
    app.handler("nobody.has")(lambda ctx, payload: None)
    job_id = app.enqueue("nobody.has")
    (job,) = app.queue.claim(1, "somebody-else", ["nobody.has"], 30)
    app.store.connection.execute(
        "UPDATE job_attempts SET pid = 1, started_at = ? WHERE job_id = ?", (iso(now_us()), job_id)
    )
    rescue(job, "lease_expired", journal_of(app.settings.home))
    said = wait_until(lambda: [x for x in scheduler_lines(app, job_id) if "lease" in x])
    assert said[0].startswith("lease lost: ")


@pytest.mark.parametrize(
    ("warnings", "errors", "sentence"),
    [(0, 0, None), (1, 0, "1 warning"), (2, 1, "2 warnings and 1 error"), (0, 2, "2 errors")],
)
def test_what_a_job_said_although_it_completed(
    tmp_path: Path, warnings: int, errors: int, sentence: str | None
) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})

    @app.handler("test.complains")
    def complains(ctx: JobContext, payload: Any) -> None:
        for _ in range(warnings):
            ctx.emit.warn("not so good")
        for number in range(errors):
            logging.getLogger("test").log(logging.CRITICAL - 10 * number, "bad")

    job_id, _ = app.run("test.complains")
    why = explain_job(app.store, app.registry, job_id).why
    assert why[0].startswith("It completed at ")
    assert why[1:] == ([] if sentence is None else [f"It said {sentence}."])
