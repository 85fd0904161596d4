"""Putting jobs on the queue over HTTP, and that reading changes nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx2

from qntx.app import App
from tests.support.api_data import Data
from tests.support.api_server import TOKEN, serving

from .test_security import routes
from .test_shapes import check_job

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_a_job_is_put_on_the_queue(fresh: App) -> None:
    with serving(fresh) as (_, client):
        body = {
            "handler_name": "s",
            "payload": {"lines": 2, "note": "é\x00"},
            "source": "file:///x",
            "priority": 5,
            "delay_s": 60,
            "idempotency_key": "once",
        }
        answer = client.post("/api/pulse/jobs", json=body, headers=AUTH)
        assert answer.status_code == 201
        job = answer.json()
        check_job(job)
        assert answer.headers["location"] == f"/api/pulse/jobs/{job['id']}"
        assert (job["handler_name"], job["status"]) == ("said", "queued")
        assert (job["payload"], job["source"]) == ({"lines": 2, "note": "é\x00"}, "file:///x")
        assert job["priority"] == 5
        assert job["next_attempt_at"] > job["created_at"]
        assert client.get(answer.headers["location"]).json() == job
        again = client.post("/api/pulse/jobs", json=body, headers=AUTH)
        assert again.json()["id"] == job["id"]
        plain = client.post("/api/pulse/jobs", json={"handler_name": "rich"}, headers=AUTH).json()
        assert (plain["source"], plain["payload"], plain["next_attempt_at"]) == ("rich", None, None)
    assert fresh.store.jobs.counts()["queued"] == 2


def test_numbers_beyond_64_bits_come_back_as_they_were(fresh: App) -> None:
    payload = {"large": 10**40, "small": -(10**30), "float": 1.5e300}
    with serving(fresh) as (_, client):
        body = {"handler_name": "rich", "payload": payload}
        answer = client.post("/api/pulse/jobs", json=body, headers=AUTH)
        assert answer.json()["payload"] == payload


def everything(app: App) -> str:
    """A digest of the whole content of the database."""
    connection = app.store.connection
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    digest = hashlib.sha256()
    for (table,) in connection.execute(tables).fetchall():
        rows: Any = connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()
        digest.update(repr((table, rows)).encode())
    return digest.hexdigest()


def test_reading_changes_nothing(client: httpx2.Client, app: App, data: Data) -> None:
    before = everything(app)
    for method, path in routes(client):
        if method == "GET":
            for job in (data.jobs["rich"], data.jobs["retried"]):
                with client.stream("GET", path.replace("JB_1", job)) as answer:
                    if path == "/api/pulse/events":
                        next(answer.iter_lines())  # it has no end
                    else:
                        answer.read()
    assert everything(app) == before
