"""One shape for every error, and nothing of the inside in it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import httpx2
import pytest

from qntx.app import App
from qntx.errors import StoreUnavailable
from qntx.storage.sqlite.jobs import JobStore
from tests.support.api_data import Data
from tests.support.api_server import TOKEN, serving

AUTH = {"Authorization": f"Bearer {TOKEN}"}


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The error of *answer*, whose shape is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"]
    for leak in ("Traceback", "site-packages", "SELECT", ".py"):
        assert leak not in error["message"]
    return error


@pytest.mark.parametrize(
    "path",
    [
        "/api/pulse/jobs/JB_none",
        "/api/pulse/jobs/JB_none/stages",
        "/jobs/JB_none/logs",
        "/api/pulse/jobs/JB_none/logs",
        "/api/pulse/jobs/JB_none/attempts",
        "/api/pulse/jobs/JB_none/children",
        "/api/pulse/jobs/JB_none/logs.txt",
        "/api/pulse/jobs/JB_none/logs.ndjson",
        "/api/pulse/jobs/JB_none/logs/1/1/message",
        "/api/pulse/jobs/JB_none/events",
        "/api/pulse/jds/JD_none",
        "/api/nothing",
        "/assets/x.js",
    ],
)
def test_what_is_not_there(client: httpx2.Client, path: str) -> None:
    problem(client.get(path), 404, "not_found")


def test_only_an_id_of_a_job_names_a_job(fresh: App) -> None:
    with serving(fresh) as (_, client):
        schedule = client.post(
            "/api/pulse/schedules", headers=AUTH, json={"handler_name": "rich", "every": "1h"}
        ).json()["id"]
        assert client.get(f"/api/pulse/schedules/{schedule}").status_code == 200
        passwords, spaced = quote("../../etc/passwd", safe=""), quote("a b/c?d")
        for name in ("JB_nothing", schedule, passwords, spaced):
            for path in (f"/api/pulse/jobs/{name}", f"/jobs/{name}/logs"):
                problem(client.get(path), 404, "not_found")
        assert client.get("/api/pulse/system").json()["workers"] is None, "it has none"


NAMES = [
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e%252fetc",
    "..%c0%af",
    "..\\..",
    "a%00b",
    "x" * 300,
    "JB_é",
    "%",
]
OTHER_PATHS = [
    "/jobs/{}/logs",
    "/api/pulse/jobs/{}/stages",
    "/api/pulse/jobs/{}/logs.txt",
    "/api/pulse/jobs/{}/logs/1/1/message",
    "/api/pulse/jobs/{}/events",
    "/api/pulse/jds/{}",
]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *[(path, name) for path in ("/api/pulse/jobs/{}", "/assets/{}") for name in NAMES],
        *[(path, NAMES[0]) for path in OTHER_PATHS],
    ],
)
def test_ids_are_never_paths(client: httpx2.Client, path: str, name: str) -> None:
    answer = client.get(path.format(name))
    assert answer.status_code in (400, 404), answer.text
    assert b"root:" not in answer.content


def test_a_line_that_is_not_there(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["rich"]
    for place in ("1/999999", "9/1", "1/0", f"1/{2**40}", f"{2**40}/1", f"1/{2**61}"):
        problem(client.get(f"/api/pulse/jobs/{job}/logs/{place}/message"), 404, "not_found")
    for place in ("1/x", "-1/1", f"1/{2**70}"):
        answer = client.get(f"/api/pulse/jobs/{job}/logs/{place}/message")
        assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"level": "loud"}, ["debug", "info", "warn", "error", "critical"]),
        ({"level": "info,loud"}, ["debug", "critical"]),
        ({"level": "30"}, ["warn"]),
        ({"source": "heaven"}, ["emitter", "stdout"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "10001"}, ["limit"]),
        ({"limit": "many"}, ["limit"]),
        ({"attempt": "0"}, ["attempt"]),
        ({"attempt": str(2**63)}, ["attempt"]),
        ({"after": "nonsense"}, ["cursor"]),
        ({"after": "²"}, ["cursor"]),
        ({"after": "W10"}, ["cursor"]),
        ({"q": "x" * 1025}, ["q"]),
    ],
)
def test_parameters_that_cannot_be_used(
    client: httpx2.Client, data: Data, query: dict[str, str], names: list[str]
) -> None:
    error = problem(client.get(f"/jobs/{data.jobs['many']}/logs", params=query), 400, "bad_input")
    for name in names:
        assert name in error["message"]


def test_an_unknown_status_names_those_that_there_are(client: httpx2.Client) -> None:
    answer = client.get("/api/pulse/jobs", params={"status": "failed,asleep"})
    assert "queued, running" in problem(answer, 400, "bad_input")["message"]


def test_a_method_that_is_not_possible(client: httpx2.Client, data: Data) -> None:
    for method, path in (("DELETE", "/api/pulse/jobs"), ("PUT", f"/jobs/{data.jobs['rich']}/logs")):
        answer = client.request(method, path, headers=AUTH)
        problem(answer, 405, "method_not_allowed")
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "missing"),
        (b"{", "no JSON"),
        (b"[]", "object"),
        (b"{}", "handler_name"),
        (b'{"handler_name": 3}', "handler_name"),
        (b'{"handler_name": "said", "more": 1}', "more"),
        (
            b'{"handler_name": "nobody"}',
            "registered are: many, rich, role.jd-ingestion, role.vacancies-scraper, said",
        ),
        (b'{"handler_name": "said", "payload": {"lines": "x"}}', "lines"),
        (b'{"handler_name": "said", "priority": 99999999}', "priority"),
        (b'{"handler_name": "said", "delay_s": -1}', "delay_s"),
        (b'{"handler_name": "said", "delay_s": 1e400}', ""),
        (b'{"handler_name": "\\ud800"}', ""),
        (b'{"handler_name": "\xff"}', "UTF-8"),
        (b'{"handler_name": "rich", "payload": ' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_bodies_that_cannot_be_used(client: httpx2.Client, body: bytes, says: str) -> None:
    headers = AUTH | {"Content-Type": "application/json"}
    answer = client.post("/api/pulse/jobs", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    error = problem(answer, 400, answer.json()["error"]["code"])
    assert says in error["message"] + str(error["details"])


def test_an_unexpected_error_shows_only_where_to_look(
    fresh: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: object, job_id: str) -> None:
        raise RuntimeError("secret /etc/passwd")

    monkeypatch.setattr(JobStore, "get", broken)
    with serving(fresh) as (_, client), caplog.at_level(logging.ERROR, "qntx.api"):
        answer = client.get("/api/pulse/jobs/JB_1")
    error = problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert error["request_id"] in caplog.text
    assert "secret /etc/passwd" in caplog.text


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (apsw.BusyError("locked"), 503),
        (apsw.IOError("disk"), 503),
        (apsw.FullError("full"), 503),
        (StoreUnavailable("the database is away - wait"), 503),
        (apsw.SQLError("no column x"), 500),
    ],
)
def test_a_database_that_cannot_be_used(
    fresh: App, monkeypatch: pytest.MonkeyPatch, raised: Exception, status: int
) -> None:
    def broken(self: object, job_id: str) -> None:
        raise raised

    monkeypatch.setattr(JobStore, "get", broken)
    with serving(fresh) as (_, client):
        answer = client.get("/api/pulse/jobs/JB_1")
    problem(answer, status, "store_unavailable" if status == 503 else "internal")
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


def test_a_damaged_database_is_not_ready(fresh: App) -> None:
    fresh.settings.home.mkdir(parents=True)
    fresh.settings.database.write_bytes(b"no database at all, but long enough " * 100)
    with serving(fresh) as (_, client):
        assert client.get("/healthz").status_code == 200
        problem(client.get("/readyz"), 503, "store_unavailable")


def test_a_database_that_is_removed_is_missed_and_one_put_back_is_used(
    fresh: App, tmp_path: Path
) -> None:
    """A server would otherwise go on in a file that nobody else sees, and that ends with it."""
    job, path = fresh.enqueue("many"), fresh.settings.database
    backup = tmp_path / "backup.db"
    copy = apsw.Connection(str(backup))
    with copy.backup("main", fresh.store.connection, "main") as copying:
        copying.step()
    copy.close()
    with serving(fresh) as (_, client):
        assert client.get("/readyz").status_code == 200
        for name in ("", "-wal", "-shm"):
            Path(f"{path}{name}").unlink()
        own = f"/api/pulse/jobs/{job}"
        for url in (
            "/readyz",
            "/api/pulse/jobs",
            f"/jobs/{job}/logs",
            f"{own}/logs.txt",
            f"{own}/logs.ndjson",
            f"{own}/groups",
            "/api/pulse/retention",
            "/api/pulse/system",
        ):
            error = problem(client.get(url), 503, "store_unavailable")
            assert f"{path} was removed while it was in use - put it back" in error["message"]
        assert not path.exists(), "an empty one would hide that all is gone"
        with pytest.raises(StoreUnavailable, match="was removed"):
            fresh.enqueue("many")
        shutil.copy(backup, path)
        assert [found["id"] for found in client.get("/api/pulse/jobs").json()["jobs"]] == [job]
        assert fresh.enqueue("many") != job
        assert len(client.get("/api/pulse/jobs").json()["jobs"]) == 2
