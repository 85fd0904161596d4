"""Runs here and now, and their lines as the API and the store give them."""

from __future__ import annotations

import threading
from typing import Any

from qntx.app import App
from qntx.model.views import LogFilter
from qntx.storage.sqlite.connection import transaction
from tests.support.api_server import serving, walk
from tests.support.waiting import wait_until


def logs(app: App, job_id: str, **wanted: Any) -> list[Any]:
    return list(app.store.logs.page(job_id, LogFilter(**wanted)).logs)


def test_a_task_called_like_its_stage_and_one_in_two_stages_stay_apart(fresh: App) -> None:
    @fresh.handler("test.names")
    def names(ctx: Any, payload: Any) -> None:
        with ctx.emit.stage("fetch"):
            ctx.emit.info("of the stage")
            with ctx.emit.task("fetch"):
                ctx.emit.info("of the task")
        with ctx.emit.stage("score"), ctx.emit.task("fetch"):
            ctx.emit.info("of the other stage's task")

    job_id, _ = fresh.run("test.names")
    tree = fresh.store.logs.stages(job_id).stages
    shape = [(s.stage, [(t.task_id, t.is_stage, t.log_count) for t in s.tasks]) for s in tree]
    assert shape == [
        ("fetch", [("fetch", True, 1), ("fetch", False, 1)]),
        ("score", [("fetch", False, 1)]),
    ]
    found = logs(fresh, job_id, stage="score", task_id="fetch")
    assert [line.message for line in found] == ["of the other stage's task"]


def test_one_bad_row_of_metadata_breaks_no_list(fresh: App) -> None:
    @fresh.handler("test.many")
    def many(ctx: Any, payload: Any) -> None:
        for n in range(1_000):
            ctx.emit.info(f"line {n}", n=n)
        ctx.emit.error("the needle")

    job_id, _ = fresh.run("test.many")
    with transaction(fresh.store.connection) as db:
        db.execute("UPDATE log_lines SET metadata = '{broken' WHERE message = 'line 7'")
    with serving(fresh) as (_, client):
        path = f"/jobs/{job_id}/logs"
        assert len(walk(client, path, limit=300)) == 1_001
        assert client.get(path, params={"limit": 10}).json()["total_count"] == 1_001
        found = client.get(path, params={"q": "needle", "level": "error"}).json()["logs"]
        assert [line["message"] for line in found] == ["the needle"]
        broken = client.get(path, params={"q": "line 7", "limit": 1}).json()["logs"]
        assert broken[0]["metadata"] is not None


def test_lines_are_there_while_the_job_runs(fresh: App) -> None:
    go = threading.Event()

    @fresh.handler("test.slow")
    def slow(ctx: Any, payload: Any) -> None:
        ctx.emit.info("already here")
        assert go.wait(30)

    started: list[str] = []
    job = threading.Thread(
        target=fresh.run, args=("test.slow",), kwargs={"on_start": started.append}
    )
    job.start()
    try:
        wait_until(
            lambda: started and fresh.store.jobs.status(started[0]) and logs(fresh, started[0])
        )
        assert [line.message for line in logs(fresh, started[0])] == ["already here"]
        assert fresh.store.jobs.get(started[0]).status == "running"
    finally:
        go.set()
        job.join(30)


def test_a_line_costs_no_statement_of_the_job(fresh: App) -> None:
    @fresh.handler("test.flood")
    def flood(ctx: Any, payload: Any) -> None:
        statements = fresh.store.connection.total_changes()
        for _ in range(5_000):
            ctx.emit.info("a line of a usual length, as programs write them by the thousand")
        assert fresh.store.connection.total_changes() == statements

    job_id, outcome = fresh.run("test.flood")
    assert outcome.status == "completed"
    assert fresh.store.jobs.get(job_id).receipt.text == "complete: 5,000 of 5,000"
