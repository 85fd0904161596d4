"""Schedules, executions and explanations over HTTP, on a real server."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from qntx.handlers import shell_command as shell
from qntx_recruiting.application import APPLICATION
from tests.support.api_server import TOKEN, serving
from tests.support.schedule_bench import HOUR, MINUTE, Bench

BASE = "/api/pulse/schedules"


@pytest.fixture
def client(bench: Bench) -> Iterator[httpx2.Client]:
    bench.app.registry.include(shell.HANDLERS)
    bench.app.include(APPLICATION)
    with serving(bench.app) as (_, found):
        found.headers["Authorization"] = f"Bearer {TOKEN}"
        yield found


def create(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    body.setdefault("handler_name", "said")
    body.setdefault("payload", {})
    answer = client.post(BASE, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{BASE}/{made['id']}"
    return made


def test_the_keys_from_upstream_are_there(client: httpx2.Client) -> None:
    made = create(client, interval_seconds=3600, created_from_doc="notes.md", metadata={"a": 1})
    wanted = {
        "id",
        "ats_code",
        "handler_name",
        "interval_seconds",
        "next_run_at",
        "last_run_at",
        "last_execution_id",
        "state",
        "created_from_doc",
        "metadata",
        "created_at",
        "updated_at",
    }
    assert wanted <= made.keys()
    assert (made["created_from_doc"], made["metadata"]) == ("notes.md", {"a": 1})
    assert client.get(f"{BASE}/{made['id']}").json() == made
    listed = client.get(BASE).json()
    assert (listed["jobs"], listed["count"]) == ([made], 1)


def test_the_life_of_a_schedule(client: httpx2.Client) -> None:
    one = f"{BASE}/{create(client, every='6h')['id']}"
    assert client.patch(one, json={"interval_seconds": 60}).json()["timing"] == "every 1m"
    assert client.patch(one, json={"state": "paused"}).json()["state"] == "paused"
    refused = client.post(f"{one}/pause")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "illegal_transition"
    assert client.post(f"{one}/resume").json()["state"] == "active"
    fired = client.post(f"{one}/trigger")
    assert fired.status_code == 201
    assert fired.json()["scheduled_job_id"] in one
    assert client.patch(one, json={"state": "stopping"}).json()["state"] == "stopping"
    assert client.patch(one, json={"state": "active"}).status_code == 409
    assert client.delete(one).status_code == 204
    assert client.delete(one).status_code == 404
    assert client.get(one).json()["state"] == "deleted"
    assert client.get(BASE).json()["jobs"] == []
    assert client.get(BASE, params={"state": "deleted"}).json()["count"] == 1


def test_force(client: httpx2.Client) -> None:
    made = create(client, force=True, interval_seconds=0)
    assert made.keys() == {
        "id",
        "async_job_id",
        "execution_id",
        "handler_name",
        "source_url",
        "force",
    }
    assert made["force"] is True
    job = client.get(f"/api/pulse/jobs/{made['async_job_id']}").json()
    assert job["execution_id"] == made["execution_id"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "nothing says what to run"),
        ({"handler_name": "said", "payload": {}}, "nothing says"),
        ({"handler_name": "gone", "every": "1h"}, "unknown handler 'gone'"),
        ({"handler_name": "said", "payload": {}, "interval_seconds": -1}, "-1 is below 1"),
        ({"ats_code": "ix https://a.example --bad 1", "every": "1h"}, "unknown flag: --bad"),
        ({"ats_code": "ix http://[::1", "every": "1h"}, "'http://[::1' is not a valid address"),
        ({"ats_code": "ax is engineer", "every": "1h"}, "unknown command: ax (supported: ix)"),
        ({"handler_name": "said", "payload": {}, "cron": "0 25 * * *"}, "'25' is not a valid hour"),
        ({"handler_name": "said", "payload": {}, "every": "1h", "frequency": 5}, "frequency"),
        ({"handler_name": "said", "payload": {"text": 1}, "every": "1h"}, "text"),
    ],
)
def test_what_is_refused(client: httpx2.Client, body: dict[str, Any], named: str) -> None:
    answer = client.post(BASE, json=body)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]


def test_a_patch_is_all_or_nothing(client: httpx2.Client) -> None:
    made = create(client, every="6h")
    one = f"{BASE}/{made['id']}"
    for body in ({"state": "paused", "every": "soon"}, {"interval_seconds": 0}, {"state": "gone"}):
        assert client.patch(one, json=body).status_code == 400
    assert client.get(one).json() == made


@pytest.mark.parametrize(
    "path",
    [
        BASE + "/{0}",
        BASE + "/{0}/executions",
        BASE + "/{0}/logs",
        BASE + "/{0}/explain",
        BASE + "/{0}/statistics",
        BASE + "/{0}/executions.csv",
        "/api/pulse/executions/{0}",
        "/api/pulse/executions/{0}/logs",
        "/executions/{0}/logs",
        "/api/pulse/jobs/{0}/explain",
    ],
)
@pytest.mark.parametrize("name", ["SP_NONE", "a b", "x" * 100])
def test_unknown_ids(client: httpx2.Client, path: str, name: str) -> None:
    answer = client.get(path.format(name))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_writes_need_the_token(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, every="1h")
    del client.headers["Authorization"]
    one = f"{BASE}/{made['id']}"
    assert client.get(one).status_code == 200
    writes = [("POST", BASE), ("PATCH", one), ("DELETE", one), ("POST", f"{one}/pause")]
    writes += [("POST", f"{one}/trigger"), ("POST", "/api/pulse/executions/PX_1/rerun")]
    for method, path in writes:
        assert client.request(method, path, json={"state": "paused"}).status_code == 401
    assert client.get(one).json() == made
    assert bench.executions(bench.service.kept.get(made["id"])) == []


def test_executions(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, every="1m")
    bench.catch_up_with_the_wall()
    bench.tick()
    bench.tick_every(MINUTE, 4)
    where = f"{BASE}/{made['id']}/executions"
    page = client.get(where, params={"limit": 2}).json()
    assert (page["count"], page["total"], page["has_more"]) == (2, 5, True)
    rest = client.get(where, params={"limit": 2, "offset": 2}).json()["executions"]
    again = client.get(where, params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert rest == again["executions"]
    running = client.get(where, params={"status": "running"}).json()["executions"]
    assert len(running) == 1
    assert client.get(where, params={"status": "nope"}).status_code == 400
    assert client.get(f"/api/pulse/jobs/{made['id']}/executions").json()["total"] == 5
    assert client.get("/api/pulse/executions").json()["total"] == 5
    one = client.get(f"/api/pulse/executions/{running[0]['id']}").json()
    assert one == running[0]
    table = client.get(f"{where}.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["status"] for row in rows] == ["skipped"] * 4 + ["running"]
    exported = client.get(f"{where}.json", params={"status": "skipped"}).json()
    assert len(exported) == 4
    assert client.get(f"{BASE}/{made['id']}/statistics").json()["by_status"]["skipped"] == 4


def test_logs_of_an_execution_are_those_of_its_job(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, every="1m")
    bench.catch_up_with_the_wall()
    bench.tick()
    bench.tick(MINUTE)
    bench.tick(MINUTE)
    first, second, third = bench.executions(bench.service.kept.get(made["id"]))
    bench.said(made["id"])
    for path in (f"/executions/{first.id}/logs", f"/api/pulse/executions/{first.id}/logs"):
        page = client.get(path).json()
        assert page == client.get(f"/jobs/{first.async_job_id}/logs").json()
        assert page["logs"][0]["source"] == "scheduler"
    # Without a job there is what the scheduler said about it.
    skipped = client.get(f"/executions/{second.id}/logs").json()
    assert [line["level"] for line in skipped["logs"]] == ["warn"]
    assert "overlap with" in skipped["logs"][0]["message"]
    assert skipped["total_count"] == 1
    # A filter narrows these lines, and leads to none about another execution.
    for query, one in (({"q": "OVERLAP"}, third), ({"q": "o.erlap", "regex": "true"}, second)):
        found = client.get(f"/executions/{one.id}/logs", params=query).json()
        assert [one.id in line["message"] for line in found["logs"]] == [True]
        assert found["total_count"] == 1
    nothing = client.get(f"/executions/{second.id}/logs", params={"q": third.id}).json()
    assert (nothing["logs"], nothing["total_count"]) == ([], 0)
    decisions = client.get(f"{BASE}/{made['id']}/logs").json()
    assert decisions["total_count"] == 4


def test_logs_of_a_missed_execution_say_why(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, every="1m")
    bench.catch_up_with_the_wall()
    bench.tick()
    bench.tick(5 * MINUTE)
    bench.tick(HOUR)
    bench.said(made["id"])
    missed = [
        e for e in bench.executions(bench.service.kept.get(made["id"])) if e.status == "missed"
    ]
    assert len(missed) > 10
    for one in (missed[0], missed[-1]):
        page = client.get(f"/executions/{one.id}/logs").json()
        assert page["total_count"] == 1
        assert page["logs"][0]["message"].startswith("missed ")
        assert one.id in page["logs"][0]["metadata"]["execution_ids"]


def test_rerun(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, every="1m", payload={"text": "x"})
    bench.catch_up_with_the_wall()
    bench.tick()
    (first,) = bench.executions(bench.service.kept.get(made["id"]))
    answer = client.post(f"/api/pulse/executions/{first.id}/rerun")
    assert answer.status_code == 201
    assert answer.json()["cause"] == "rerun"


def test_explanations(client: httpx2.Client, bench: Bench) -> None:
    made = create(client, cron="0 12 * * *", time_zone="Asia/Tokyo")
    said = client.get(f"{BASE}/{made['id']}/explain").json()
    assert said["why"] == ["It is active: cron 0 12 * * * (Asia/Tokyo).", "It has not fired yet."]
    assert "12:00:00 in Asia/Tokyo" in said["next"][0]
    assert "No ticker is at work" in said["next"][1]
    fired = client.post(f"{BASE}/{made['id']}/trigger").json()
    other = client.post(f"{BASE}/{made['id']}/trigger").json()
    job = client.get(f"/api/pulse/jobs/{other['async_job_id']}/explain").json()
    assert "It is queued behind 1 job." in job["why"]
    assert f"It was fired by schedule {made['id']} by hand." in job["why"]
    bench.start(fired["async_job_id"])
    job = client.get(f"/api/pulse/jobs/{fired['async_job_id']}/explain").json()
    assert job["why"][0].startswith("It runs since")
    bench.end(fired["async_job_id"], "failed", "it broke")
    job = client.get(f"/api/pulse/jobs/{fired['async_job_id']}/explain").json()
    assert "because: it broke" in job["why"][0]
    bench.app.store.queue.cancel(other["async_job_id"])
    job = client.get(f"/api/pulse/jobs/{other['async_job_id']}/explain").json()
    assert job["why"][0].startswith("It was cancelled")
    bench.service.pause(made["id"], by="Ann")
    said = client.get(f"{BASE}/{made['id']}/explain").json()
    assert "Reason: paused by Ann" in said["why"][1]


def test_why_a_job_waits(client: httpx2.Client, bench: Bench) -> None:
    later = bench.app.enqueue("said", {}, delay_s=60)
    said = client.get(f"/api/pulse/jobs/{later}/explain").json()
    assert "because it was enqueued with a delay" in said["why"][0]
    made = bench.create(every="1m", overlap="queue")
    bench.tick()
    bench.tick(MINUTE)
    first, second = bench.executions(made)
    said = client.get(f"/api/pulse/jobs/{second.async_job_id}/explain").json()
    assert (
        said["why"][0]
        == f"It waits for {first.async_job_id}, fired before it by the same schedule."
    )
    del bench.app.registry._handlers["said"]
    said = client.get(f"/api/pulse/jobs/{first.async_job_id}/explain").json()
    assert said["why"][0] == "No worker has the handler 'said'."
    bench.tick(HOUR)


def test_the_description_names_every_route(client: httpx2.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in (
        BASE,
        BASE + "/{schedule_id}",
        "/executions/{execution_id}/logs",
        BASE + "/{schedule_id}/trigger",
        "/api/pulse/jobs/{job_id}/explain",
    ):
        assert path in paths
