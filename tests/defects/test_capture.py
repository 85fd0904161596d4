"""Defects 1-12: the capture of logs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.clock import iso, now_us
from qntx.foreground import run_command
from qntx.journal.writer import Journal
from qntx.maintenance.loop import MaintenanceLoop
from qntx.model.retention import DAY_US
from qntx.model.views import LogFilter
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.session import close_journals
from qntx.recording.system_log import SYSTEM_LOG
from qntx.storage.sqlite.connection import transaction
from tests.support.api_server import serving, walk
from tests.support.recorded_runs import Recorded, drain_all
from tests.support.schedule_bench import Bench as ScheduleBench
from tests.support.waiting import wait_until
from tests.support.workers import Running

Record = Callable[..., Recorded]


def logs(app: App, job_id: str, **wanted: Any) -> list[Any]:
    return list(app.store.logs.page(job_id, LogFilter(**wanted)).logs)


def test_defect_01_every_door_leads_to_the_same_capture(running: Running, tmp_path: Path) -> None:
    """The original captures some handlers only: none on the command line, none by the clock."""
    app = running.app
    by_hand, _ = app.run("test.asynchronous", {"path": str(tmp_path / "out"), "text": "0.01"})
    payload = {"path": str(tmp_path / "out"), "text": "0.01"}
    by_worker = app.enqueue("test.asynchronous", payload)
    running.final(by_worker)
    said = [[(x.stage, x.source, x.message) for x in logs(app, j)] for j in (by_hand, by_worker)]
    assert said[0] == said[1] == [("wait", "stdout", "done waiting")]
    run_command(app, ["echo", "from a command"], name="a command")
    newest = app.store.jobs.page(limit=1).jobs[0]
    assert [x.message for x in logs(app, newest.id)] == ["from a command"]


def test_defect_02_lines_know_their_task_and_the_wrapped_emitter_keeps_its_abilities(
    recorded: Record,
) -> None:
    streamed: list[str] = []

    class Streaming:
        def emit_info(self, message: str, metadata: Any = None) -> None:
            streamed.append(message)

        def broadcast_llm_stream(self, *token: Any) -> None:
            streamed.append(f"token {token[0]}")

    def handler(ctx: Any, payload: Any) -> None:
        emit: Any = LogCapturingEmitter(ctx._active, Streaming())  # type: ignore[arg-type]
        with emit.stage("score"), emit.task("CN_1"):
            emit.emit_info("scored")
            logging.getLogger("scorer").warning("by a logger")
        emit.broadcast_llm_stream("x")

    run = recorded(handler)
    assert [(line.stage, line.task_id) for line, _ in run.lines] == [("score", "CN_1")] * 2
    assert streamed == ["scored", "token x"]


def test_defect_03_order_is_the_number_not_the_time(
    recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times in whole seconds of a local zone, and an order by them."""
    clock = iter(range(2_000_000_000_000_000_000, 0, -3_600_000_000_000))
    monkeypatch.setattr("qntx.journal.writer._time_ns", lambda: next(clock))
    run = recorded(lambda ctx, payload: [ctx.emit.info(str(n)) for n in range(20)] and None)
    assert run.texts == [str(n) for n in range(20)]
    assert [line.id for line, _ in run.lines] == list(range(1, 21))
    assert all(line.timestamp.endswith("Z") and "." in line.timestamp for line, _ in run.lines)


def test_defect_04_a_task_called_like_its_stage_and_one_in_two_stages_stay_apart(app: App) -> None:
    @app.handler("test.names")
    def names(ctx: Any, payload: Any) -> None:
        with ctx.emit.stage("fetch"):
            ctx.emit.info("of the stage")
            with ctx.emit.task("fetch"):
                ctx.emit.info("of the task")
        with ctx.emit.stage("score"), ctx.emit.task("fetch"):
            ctx.emit.info("of the other stage's task")

    job_id, _ = app.run("test.names")
    tree = app.store.logs.stages(job_id).stages
    shape = [(s.stage, [(t.task_id, t.is_stage, t.log_count) for t in s.tasks]) for s in tree]
    assert shape == [
        ("fetch", [("fetch", True, 1), ("fetch", False, 1)]),
        ("score", [("fetch", False, 1)]),
    ]
    found = logs(app, job_id, stage="score", task_id="fetch")
    assert [line.message for line in found] == ["of the other stage's task"]


def test_defect_05_logs_are_filtered_searched_paged_and_downloaded(app: App) -> None:
    """No filter, no page, no end to an answer; one bad row of metadata breaks the whole list."""

    @app.handler("test.many")
    def many(ctx: Any, payload: Any) -> None:
        for n in range(1_000):
            ctx.emit.info(f"line {n}", n=n)
        ctx.emit.error("the needle")

    job_id, _ = app.run("test.many")
    with transaction(app.store.connection) as db:
        db.execute("UPDATE log_lines SET metadata = '{broken' WHERE message = 'line 7'")
    with serving(app) as (_, client):
        path = f"/jobs/{job_id}/logs"
        assert len(walk(client, path, limit=300)) == 1_001
        assert client.get(path, params={"limit": 10}).json()["total_count"] == 1_001
        found = client.get(path, params={"q": "needle", "level": "error"}).json()["logs"]
        assert [line["message"] for line in found] == ["the needle"]
        broken = client.get(path, params={"q": "line 7", "limit": 1}).json()["logs"]
        assert broken[0]["metadata"] is not None


def test_defect_06_lines_are_there_while_the_job_runs(app: App) -> None:
    go = threading.Event()

    @app.handler("test.slow")
    def slow(ctx: Any, payload: Any) -> None:
        ctx.emit.info("already here")
        assert go.wait(30)

    started: list[str] = []
    job = threading.Thread(target=app.run, args=("test.slow",), kwargs={"on_start": started.append})
    job.start()
    try:
        wait_until(lambda: started and app.store.jobs.status(started[0]) and logs(app, started[0]))
        assert [line.message for line in logs(app, started[0])] == ["already here"]
        assert app.store.jobs.get(started[0]).status == "running"
    finally:
        go.set()
        job.join(30)


def test_defect_07_old_lines_go_by_themselves_and_growth_is_told(tmp_path: Path) -> None:
    """Three months and a warning at 10 GB are promised; what cleans up is never called."""
    app = App(home=tmp_path / "home", capture={"descriptors": False})
    assert app.settings.retention.days == 90
    assert app.settings.storage.limit == 10_000_000_000
    app.handler("talks")(lambda ctx, payload: ctx.emit.info("said once"))
    old, _ = app.run("talks")
    with transaction(app.store.connection) as db:
        ago = iso(now_us() - 91 * DAY_US)
        db.execute("UPDATE job_attempts SET started_at = ?, ended_at = ?", (ago, ago))
        db.execute("UPDATE async_ix_jobs SET completed_at = ?", (ago,))
    app.settings.storage.limit = type(app.settings.storage.limit)(1_000)
    maintenance = MaintenanceLoop(app.settings)
    maintenance.start()  # as qntx serve does
    try:
        wait_until(lambda: not logs(app, old))
    finally:
        maintenance.stop()
        close_journals()
    page = app.store.logs.page(old, LogFilter())
    assert page.expired is not None
    assert (page.logs, page.expired.lines, page.expired.rule) == ([], 1, "lines: 90 days")
    assert page.receipt.text == "complete: 1 of 1"
    drain_all(app.settings.home)
    told = [line.message for line in logs(app, SYSTEM_LOG)]
    assert any("its limit is 1.0 kB" in message for message in told), told


def test_defect_08_deleting_a_schedule_keeps_its_jobs_and_their_logs(
    schedules: ScheduleBench,
) -> None:
    made = schedules.create(every="1h")
    schedules.tick()
    job_id = str(schedules.executions(made)[0].async_job_id)
    schedules.service.delete(made.id, by="a test")
    assert schedules.app.store.jobs.get(job_id).execution_id == schedules.executions(made)[0].id


def test_defect_09_a_line_costs_no_statement_of_the_job(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One synchronous INSERT per line."""

    @app.handler("test.flood")
    def flood(ctx: Any, payload: Any) -> float:
        statements = app.store.connection.total_changes()
        began = time.perf_counter()
        for _ in range(5_000):
            ctx.emit.info("a line of a usual length, as programs write them by the thousand")
        each_us = (time.perf_counter() - began) / 5_000 * 1e6
        assert app.store.connection.total_changes() == statements
        return each_us

    job_id, outcome = app.run("test.flood")
    assert outcome.result < 200
    assert app.store.jobs.get(job_id).receipt.text == "complete: 5,000 of 5,000"


def test_defect_10_secrets_are_masked_and_attempts_and_executions_told_apart(
    running: Running, tmp_path: Path, recorded: Record
) -> None:
    run = recorded(
        lambda ctx, p: ctx.emit.info("api_key=sk-abcdefghijklmnopqrstuvwxyz123456"), redact=True
    )
    assert "sk-abcdefghijklmnopqrstuvwxyz123456" not in run.texts[0]
    assert "***[" in run.texts[0]
    job: Any = running.final(running.app.enqueue("test.flaky", {"path": str(tmp_path / "out")}))
    first, last = (logs(running.app, job.id, attempt=n) for n in (1, 3))
    assert {line.attempt for line in first} == {1}
    assert {line.attempt for line in last} <= {3}
    assert any("ConnectionError" in line.message for line in first)


def test_defect_11_the_log_of_an_execution_is_that_of_its_job_and_is_not_cut(
    schedules: ScheduleBench,
) -> None:
    """An empty column ``logs``, to be cut at 10 KB."""
    long = "x" * 100_000
    made = schedules.create(every="1h", payload={"text": long})
    schedules.tick()
    execution = schedules.executions(made)[0]
    app = schedules.app
    job = app.queue.claim(1, "test", ["said"], 30)[0]
    from qntx.recording.session import journal_of
    from qntx.runtime.execute import execute

    with app.indexing():
        execute(
            app.registry.get("said"),
            job,
            journal=journal_of(app.settings.home),
            settings=app.settings,
            ports={},
        )
        app.settle(job.id)
    rows = app.store.connection.execute(
        "SELECT message FROM task_logs WHERE execution_id = ?", (execution.id,)
    ).fetchall()
    assert (long,) in rows


def test_defect_12_what_cannot_be_stored_is_counted_and_said(tmp_path: Path) -> None:
    """A failed write is a line of text somewhere else, and nobody counts it."""
    from qntx.journal.run_scope import Run
    from qntx.recording.context import ActiveRun
    from qntx.recording.lines import append_line
    from tests.support.recorded_runs import drain_all

    home = tmp_path / "home"
    journal = Journal(home / "journal", memory_limit_bytes=2_000)
    active = ActiveRun(Run("JB_full", 1), journal)
    origin = journal.origin("emitter")
    append_line(active, active.root, 20, origin, "before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_open", lambda need: False)
        journal._end = journal._pos  # the segment is full, and there is no other
        for n in range(100):
            append_line(active, active.root, 20, origin, f"line {n} " + "x" * 100)
    assert journal.close() == 0
    drain_all(home)
    app = App(home=home)
    lost, stored, accepted = app.store.connection.execute(
        "SELECT lost, stored, accepted FROM job_attempts"
    ).fetchall()[0]
    assert int(lost) > 50
    assert (stored, accepted) == (101 - int(lost) + 1, 102)
    said = [str(m) for (m,) in app.store.connection.execute("SELECT message FROM task_logs")]
    assert any(f"{lost} lines lost here: disk full" in text for text in said)
