"""Every answer has exactly the keys that were promised, and says what the store holds."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from qntx.app import App
from qntx.storage.sqlite.migrate import open_database
from tests.support.api_data import BODY, LEVELS, LONG, Data
from tests.support.api_server import serving
from tests.support.log_rows import Said, store

COUNTS = {"total", *LEVELS}
RECEIPT = {
    "accepted",
    "stored",
    "lost",
    "complete",
    "redactions",
    "text",
    "so_far",
    "open_streams",
    "unseen",
}
JOB = {
    "id",
    "handler_name",
    "source",
    "status",
    "run_kind",
    "door",
    "attempt",
    "max_attempts",
    "priority",
    "progress",
    "cost_estimate",
    "cost_actual",
    "error",
    "error_type",
    "error_stage",
    "error_details",
    "parent_job_id",
    "execution_id",
    "retry_count",
    "payload",
    "result",
    "pulse_state",
    "stop_request",
    "next_attempt_at",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "duration_ms",
    "counts",
    "receipt",
}
STAGE = {
    "stage",
    "status",
    "started_at",
    "ended_at",
    "duration_ms",
    "log_count",
    "counts",
    "tasks",
}
TASK = {
    "task_id",
    "name",
    "is_stage",
    "log_count",
    "counts",
    "status",
    "started_at",
    "ended_at",
    "duration_ms",
    "result",
}
LINE = {
    "id",
    "attempt",
    "stage",
    "task_id",
    "timestamp",
    "level",
    "source",
    "logger",
    "message",
    "metadata",
    "size",
    "truncated",
    "flags",
    "job_id",
}
PAGE = {
    "job_id",
    "total_count",
    "logs",
    "receipt",
    "counts",
    "next_cursor",
    "prev_cursor",
    "expired",
    "growing",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def get(client: httpx2.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def check_job(job: dict[str, Any]) -> None:
    assert set(job) >= JOB
    assert set(job["progress"]) == {"current", "total", "left_s"}
    assert set(job["counts"]) == COUNTS
    assert set(job["receipt"]) == RECEIPT
    assert TIME.fullmatch(job["created_at"])


def test_jobs_newest_first_and_in_pages(client: httpx2.Client, data: Data) -> None:
    page = get(client, "/api/pulse/jobs")
    assert set(page) == {"jobs", "count", "next_cursor"}
    assert page["count"] == len(page["jobs"])
    for job in page["jobs"]:
        check_job(job)
    walked: list[str] = []
    cursor = None
    while True:
        part = get(client, "/api/pulse/jobs", limit=3, **({"cursor": cursor} if cursor else {}))
        walked += [job["id"] for job in part["jobs"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert walked == [job["id"] for job in page["jobs"]]
    assert set(data.jobs.values()) <= set(walked)


def test_jobs_by_status_and_handler(client: httpx2.Client, data: Data) -> None:
    failed = get(client, "/api/pulse/jobs", status="failed")
    assert [job["id"] for job in failed["jobs"]] == [data.jobs["rich"]]
    both = get(client, "/api/pulse/jobs", status="failed,queued")
    assert {job["status"] for job in both["jobs"]} == {"failed", "queued"}
    many = get(client, "/api/pulse/jobs", handler="many")
    assert [job["id"] for job in many["jobs"]] == [data.jobs["many"]]


def test_a_job(client: httpx2.Client, data: Data) -> None:
    job = get(client, f"/api/pulse/jobs/{data.jobs['rich']}")
    check_job(job)
    assert (job["status"], job["error_stage"]) == ("failed", None)
    assert job["error"] == "ValueError: the end"
    assert job["receipt"]["complete"] is True
    assert (
        job["receipt"]["text"] == f"complete: {job['counts']['total']} of {job['counts']['total']}"
    )


def test_stages_are_the_tree_of_the_lines(client: httpx2.Client, data: Data) -> None:
    for name in ("rich", "many", "empty", "retried"):
        tree = get(client, f"/api/pulse/jobs/{data.jobs[name]}/stages")
        assert set(tree) == {"job_id", "attempt", "attempts", "stages"}
        lines = get(client, f"/jobs/{data.jobs[name]}/logs", attempt=tree["attempt"], limit=10_000)
        of_lines: dict[tuple[str, str | None], list[int]] = {}
        for line in lines["logs"]:
            of_lines.setdefault((line["stage"] or "", line["task_id"]), []).append(line["id"])
        of_tree = {}
        for stage in tree["stages"]:
            assert set(stage) >= STAGE
            assert set(stage["counts"]) == COUNTS
            assert stage["log_count"] == sum(task["log_count"] for task in stage["tasks"])
            for task in stage["tasks"]:
                assert set(task) >= TASK
                if task["is_stage"]:
                    assert task["task_id"] == stage["stage"]
                if task["log_count"]:
                    key = (stage["stage"], None if task["is_stage"] else task["task_id"])
                    of_tree[key] = (task["log_count"], task["first_seq"], task["last_seq"])
                else:
                    assert (task["first_seq"], task["last_seq"]) == (None, None)
            said = [
                n for (name, _), seqs in of_lines.items() if name == stage["stage"] for n in seqs
            ]
            ends = (min(said), max(said)) if said else (None, None)
            assert (stage["first_seq"], stage["last_seq"]) == ends
        assert of_tree == {key: (len(n), n[0], n[-1]) for key, n in of_lines.items()}


def test_stages_of_an_attempt(client: httpx2.Client, data: Data) -> None:
    path = f"/api/pulse/jobs/{data.jobs['retried']}/stages"
    assert get(client, path)["attempts"] == [1, 2]
    assert get(client, path)["attempt"] == 2
    assert get(client, path, attempt=1)["attempt"] == 1
    assert client.get(path, params={"attempt": 3}).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/api/pulse"])
def test_lines(client: httpx2.Client, data: Data, prefix: str) -> None:
    page = get(client, f"{prefix}/jobs/{data.jobs['rich']}/logs")
    assert set(page) == PAGE
    assert page["total_count"] == len(page["logs"]) == page["counts"]["total"]
    assert [line["id"] for line in page["logs"]] == list(range(1, len(page["logs"]) + 1))
    for line in page["logs"]:
        assert set(line) == LINE
        assert TIME.fullmatch(line["timestamp"])
        assert line["level"] in LEVELS
    by_text = {line["message"]: line for line in page["logs"]}
    assert by_text["printed\x00with a NUL"]["source"] == "stdout"
    asked = by_text["asked"]
    assert (asked["stage"], asked["level"], asked["logger"]) == ("fetch", "debug", "site.client")
    assert by_text["not \\xff\\xfe text"]["flags"] == ["bytes"]
    assert by_text["no newline at its end"]["flags"] == ["no_newline"]
    long = by_text[LONG[:4096]]
    assert (long["truncated"], long["size"]) == (True, 5000)
    assert long["metadata"] == {"nested": {"list": [1, None, "é"]}}
    (body,) = [line for line in page["logs"] if line["size"] == len(BODY.encode())]
    assert body["truncated"] is True
    assert BODY.startswith(body["message"])


def test_whole_messages(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["rich"]
    said = {LONG.encode(), BODY.encode(), b"not \xff\xfe text", b"printed\x00with a NUL"}
    found = set()
    for line in get(client, f"/jobs/{job}/logs")["logs"]:
        answer = client.get(f"/api/pulse/jobs/{job}/logs/1/{line['id']}/message")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert len(answer.content) == line["size"]
        found.add(answer.content)
    assert said <= found


def test_lines_of_all_attempts_follow_each_other(client: httpx2.Client, data: Data) -> None:
    page = get(client, f"/jobs/{data.jobs['retried']}/logs")
    places = [(line["attempt"], line["id"]) for line in page["logs"]]
    assert places == sorted(places)
    assert {attempt for attempt, _ in places} == {1, 2}
    second = get(client, f"/jobs/{data.jobs['retried']}/logs", attempt=2)
    assert [line for line in page["logs"] if line["attempt"] == 2] == second["logs"]
    assert second["receipt"]["stored"] == len(second["logs"])


def test_attempts(client: httpx2.Client, data: Data) -> None:
    found = get(client, f"/api/pulse/jobs/{data.jobs['retried']}/attempts")
    assert [attempt["attempt"] for attempt in found["attempts"]] == [1, 2]
    assert {attempt["status"] for attempt in found["attempts"]} == {"completed"}


def test_alike_lines_together(client: httpx2.Client, data: Data) -> None:
    path = f"/api/pulse/jobs/{data.jobs['rich']}"
    found = get(client, f"{path}/groups")
    assert set(found) == {"job_id", "total_count", "looked_at", "group_count", "groups"}
    counts = get(client, f"{path}/logs", limit=1)["counts"]
    assert found["total_count"] == counts["warn"] + counts["error"] + counts["critical"] > 0
    assert sum(group["count"] for group in found["groups"]) == found["total_count"]
    everything = get(client, f"{path}/groups", level="debug")
    assert everything["total_count"] > found["total_count"]
    first = everything["groups"][0]["first"]
    assert first == get(client, f"{path}/logs", around=first["id"], limit=1)["logs"][0]


def test_children(client: httpx2.Client, data: Data) -> None:
    path = f"/api/pulse/jobs/{data.jobs['rich']}/children"
    found = get(client, path)
    assert set(found) == {"parent_job_id", "children", "count", "counts", "next_cursor"}
    assert sum(found["counts"].values()) == 3
    assert get(client, path, limit=2)["counts"] == found["counts"]
    newest_first = [data.jobs[f"child{number}"] for number in (2, 1, 0)]
    assert [job["id"] for job in found["children"]] == newest_first
    assert get(client, path, limit=2)["next_cursor"] is not None


def test_lines_of_a_task_over_all_jobs(client: httpx2.Client, data: Data) -> None:
    found = get(client, "/api/pulse/tasks/CN_1/logs")
    assert set(found) == {"task_id", "logs", "total_count", "next_cursor"}
    assert found["total_count"] == len(found["logs"]) > 0
    assert {line["job_id"] for line in found["logs"]} == {data.jobs["rich"]}
    assert {line["task_id"] for line in found["logs"]} == {"CN_1"}
    numbers = [line["id"] for line in found["logs"]]
    assert numbers == sorted(numbers, reverse=True)
    one_job = get(client, "/api/pulse/tasks/CN_1/logs", job_id=data.jobs["rich"])
    assert [line["id"] for line in one_job["logs"]] == sorted(numbers)
    none = get(client, "/api/pulse/tasks/CN_1/logs", job_id=data.jobs["many"])
    assert (none["logs"], none["total_count"]) == ([], 0)


def test_the_tree_names_what_can_be_asked_for(client: httpx2.Client, data: Data) -> None:
    """Each task of the tree, also a stage's own, leads to as many lines as it says."""
    for name in ("rich", "many"):
        job_id = data.jobs[name]
        stages = get(client, f"/api/pulse/jobs/{job_id}/stages")["stages"]
        counts = Counter[str]()
        for task in (task for stage in stages if stage["stage"] for task in stage["tasks"]):
            counts[task["task_id"]] += task["log_count"]
        for task_id, count in counts.items():
            for query in ({"job_id": job_id}, {}):
                page = get(client, f"/api/pulse/tasks/{task_id}/logs", **query)
                assert page["total_count"] == len(page["logs"]) == count, task_id
            filtered = get(client, f"/jobs/{job_id}/logs", task_id=task_id)
            mine = get(client, f"/api/pulse/tasks/{task_id}/logs", job_id=job_id)
            assert mine["logs"] == [{**line, "job_id": job_id} for line in filtered["logs"]]


def test_a_task_may_be_called_anything(fresh: App) -> None:
    names = [
        "src/app.py",
        "https://a.example//b?c=d#e",
        "50%",
        "a%2Fb",
        "/",
        "../..",
        "é \x00+",
        ";",
    ]
    with closing(open_database(fresh.settings.database)) as db:
        store(db, "JB_1", [Said(name.encode(), stage="s", task=name) for name in names])
    with serving(fresh) as (_, client):
        for name in names:
            page = get(client, f"/api/pulse/tasks/{quote(name, safe='')}/logs")
            assert page["task_id"] == name
            assert [line["message"] for line in page["logs"]] == [name]


def test_lines_of_a_task_in_pages(client: httpx2.Client, data: Data) -> None:
    whole = get(client, "/api/pulse/tasks/task-3/logs")["logs"]
    walked: list[Any] = []
    query: dict[str, Any] = {"limit": 50}
    while True:
        page = get(client, "/api/pulse/tasks/task-3/logs", **query)
        walked += page["logs"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert walked == whole


def test_system(client: httpx2.Client, app: App, data: Data) -> None:
    assert get(client, "/healthz") == {"status": "ok"}
    assert get(client, "/readyz") == {"status": "ready", "warnings": []}
    found = get(client, "/api/pulse/system")
    assert found["jobs"] == app.store.jobs.counts()
    own = ["many", "rich", "role.jd-ingestion", "role.vacancies-scraper", "said"]
    assert found["handlers"] == own
    assert found["workers"] == [{"name": "w1", "pid": 1, "ready": True, "jobs": []}]
    assert found["auth"] == "local"


def test_recruiting(client: httpx2.Client, data: Data) -> None:
    candidates = get(client, "/api/pulse/candidates")
    assert [candidate["name"] for candidate in candidates["candidates"]] == ["Ann", "Bo"]
    jds = get(client, "/api/pulse/jds")
    assert [(jd["title"], jd["must_count"], jd["nice_count"]) for jd in jds["jds"]] == [
        ("Engineer", 1, 0)
    ]
    jd = get(client, "/api/pulse/jds/JD_1")
    assert jd["jd"]["extraction"]["requirements"][0]["name"] == "Python"
    assert [s["candidate_name"] for s in jd["scores"]] == ["Bo", "Ann"]
    assert jd["scores"][0]["score"]["qualified"] is True
    assert client.get("/api/pulse/jds/JD_none").status_code == 404
    claimed = get(client, "/api/pulse/attestations", subject="jd_1")
    assert claimed == {
        "subject": "jd_1",
        "count": 1,
        "attestations": [
            {
                "id": "AS_1",
                "subjects": ["JD_1"],
                "predicates": ["requires"],
                "contexts": ["Python"],
                "actors": ["test"],
                "timestamp": "1970-01-01T00:00:01.000000Z",
                "source": "cli",
                "attributes": {"kind": "skill"},
            }
        ],
    }
    assert get(client, "/api/pulse/attestations", subject="nobody")["attestations"] == []
    assert client.get("/api/pulse/attestations").status_code == 400
