"""Control of jobs over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from qntx.app import App
from tests.support.api_data import make_app
from tests.support.api_server import TOKEN, serving

AUTH = {"Authorization": f"Bearer {TOKEN}"}
MOVES = [("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")]


@pytest.fixture
def app(tmp_path: Path) -> App:
    return make_app(tmp_path / "home")


def move(client: httpx2.Client, job_id: str, name: str) -> httpx2.Response:
    return client.post(f"/api/pulse/jobs/{job_id}/{name}", headers=AUTH)


def test_a_job_is_moved_and_comes_back(app: App) -> None:
    job_id = app.enqueue("said", {"lines": 1})
    with serving(app) as (_, client):
        for name, status in MOVES:
            answer = move(client, job_id, name)
            assert answer.status_code == 200, answer.text
            assert answer.json() == client.get(f"/api/pulse/jobs/{job_id}").json()
            assert answer.json()["status"] == status


def test_a_running_job_is_asked_to_stop(app: App) -> None:
    job_id = app.enqueue("said", {"lines": 1})
    assert app.queue.claim(1, "test", ["said"], 30)
    with serving(app) as (_, client):
        job = move(client, job_id, "cancel").json()
        assert (job["status"], job["stop_request"]) == ("running", "cancel")


def test_moves_that_are_not_allowed_conflict(app: App) -> None:
    job_id = app.enqueue("said", {"lines": 1})
    with serving(app) as (_, client):
        for name in ("resume", "retry"):
            answer = move(client, job_id, name)
            assert answer.status_code == 409
            assert answer.json()["error"]["code"] == "illegal_transition"
            assert job_id in answer.json()["error"]["message"]
        move(client, job_id, "cancel")
        assert move(client, job_id, "cancel").status_code == 409
        assert move(client, job_id, "pause").status_code == 409


@pytest.mark.parametrize("name", [name for name, _ in MOVES])
def test_unknown_jobs_missing_tokens_and_other_methods_are_refused(app: App, name: str) -> None:
    job_id = app.enqueue("said", {"lines": 1})
    with serving(app) as (_, client):
        assert move(client, "JB_nothing", name).status_code == 404
        assert move(client, "..%2f..%2fx", name).status_code == 404
        assert client.post(f"/api/pulse/jobs/{job_id}/{name}").status_code == 401
        assert client.get(f"/api/pulse/jobs/{job_id}/{name}", headers=AUTH).status_code == 405
        elsewhere = {**AUTH, "Origin": "http://evil.example"}
        answer = client.post(f"/api/pulse/jobs/{job_id}/{name}", headers=elsewhere)
        assert answer.status_code == 403
    assert app.store.jobs.get(job_id).status == "queued"
