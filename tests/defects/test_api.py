"""Defects 38, 39 and 41-43: the API."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote

import pytest

from qntx.app import App
from qntx.model.ids import new_id
from tests.support.api_server import TOKEN, serving
from tests.support.queue_bench import Bench

AUTH = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def ready(app: App) -> App:
    app.handler("test.noop")(lambda ctx, payload: None)
    return app


def test_defect_38_errors_are_told_apart_and_no_id_is_a_path(ready: App) -> None:
    """What is not there is a 500; ids of schedules are taken for jobs; segments are not escaped."""
    with serving(ready) as (_, client):
        schedule = client.post(
            "/api/pulse/schedules",
            headers=AUTH,
            json={"handler_name": "test.noop", "every": "1h"},
        ).json()["id"]
        for job_id in (
            "JB_nothing",
            schedule,
            quote("../../etc/passwd", safe=""),
            quote("a b/c?d"),
        ):
            for path in (f"/api/pulse/jobs/{job_id}", f"/jobs/{job_id}/logs"):
                answer = client.get(path)
                assert answer.status_code == 404, (path, answer.text)
                assert answer.json()["error"]["code"] == "not_found"
        system = client.get("/api/pulse/system").json()
        assert system["workers"] is None


def test_defect_39_jobs_are_cancelled_and_retried(ready: App) -> None:
    job_id = ready.enqueue("test.noop")
    with serving(ready) as (_, client):
        for action, status in (("cancel", "cancelled"), ("retry", "queued")):
            answer = client.post(f"/api/pulse/jobs/{job_id}/{action}", headers=AUTH)
            assert (answer.status_code, answer.json()["status"]) == (200, status)


def test_defect_41_writes_need_the_token_and_no_other_site_gets_in(ready: App) -> None:
    body = {"handler_name": "test.noop"}
    with serving(ready) as (_, client):
        path = "/api/pulse/jobs"
        assert client.post(path, json=body).status_code == 401
        for header in (
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example"},
        ):
            assert client.post(path, json=body, headers={**AUTH, **header}).status_code == 403
        assert client.post(path, json=body, headers=AUTH).status_code == 201


def test_defect_42_nobody_shares_a_job_that_changes(bench: Bench) -> None:
    """Subscribers get pointers to rows that workers go on writing to."""
    job_id = bench.enqueue()
    before = bench.store.jobs.get(job_id)
    with pytest.raises(AttributeError):
        before.status = "completed"  # type: ignore[misc]
    bench.claim()
    assert (before.status, bench.status(job_id)) == ("queued", "running")
    faults: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(50):
                job = bench.store.jobs.get(job_id)
                assert (job.status == "running") == (job.completed_at is None)
        except BaseException as error:  # it is the test's to raise
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    attempt: Any = bench.queue.running()[0][0]
    bench.queue.renew([(attempt.id, attempt.attempt)], 30)
    for reader in readers:
        reader.join(30)
    assert faults == []


def test_defect_43_ids_of_any_length_are_whole(bench: Bench) -> None:
    """Ids are cut for the log, and a short one ends the server."""
    for job_id in ("J", "JB", "JB_", new_id("JB"), "x" * 500):
        bench.store.connection.execute(
            "INSERT INTO async_ix_jobs(id, source, status, handler_name, created_at, updated_at)"
            " VALUES(?, 's', 'queued', 'a', '2026', '2026')",
            (job_id,),
        )
    claimed = bench.claim(9)
    assert {attempt.job.id for attempt in claimed} >= {"J", "JB", "JB_", "x" * 500}
    for attempt in claimed:
        attempt.begin()
        bench.rescue(attempt, "worker_killed: SIGKILL")
    bench.store_all()
    assert bench.store.jobs.counts()["failed"] == 5
    assert new_id("JB") != new_id("JB")
