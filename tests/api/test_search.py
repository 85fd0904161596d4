"""Search over all runs: complete, the newest first, whatever the index covers."""

from __future__ import annotations

import socket
import threading
from typing import Any

import httpx2
import pytest

from qntx.api import search as api_search
from qntx.app import App
from qntx.model.search import FoundPage, Indexed
from qntx.storage.sqlite.search import SearchStore, indexed
from tests.support.api_data import Data, Talker, running
from tests.support.api_server import serving
from tests.support.log_rows import Said, store
from tests.support.waiting import wait_until

PATH = "/api/pulse/search"
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
    "handler_name",
    "job_source",
}


def found(client: httpx2.Client, **query: Any) -> list[dict[str, Any]]:
    """All lines, page by page."""
    lines: list[dict[str, Any]] = []
    place: dict[str, Any] = {}
    while True:
        answer = client.get(PATH, params={**query, **place})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["logs"]) <= query.get("limit", 100)
        lines += page["logs"]
        if page["next_cursor"] is None:
            return lines
        place = {"cursor": page["next_cursor"]}


def whole(client: httpx2.Client, data: Data) -> list[dict[str, Any]]:
    """Every line of every run, the newest first; runs began in the order of the directory."""
    lines: list[dict[str, Any]] = []
    for name in ("rich", "many", "empty", "retried"):
        path = f"/jobs/{data.jobs[name]}/logs"
        page = client.get(path, params={"limit": 10_000}).json()
        lines += [{**line, "job_id": data.jobs[name]} for line in page["logs"]]
    return lines[::-1]


def keys(lines: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(line["job_id"], line["attempt"], line["id"]) for line in lines]


@pytest.mark.parametrize("limit", [1_000, 100, 7])
def test_it_finds_what_looking_at_every_line_finds(
    client: httpx2.Client, data: Data, limit: int
) -> None:
    lines = whole(client, data)
    for text in ("needle-12", "SAID", "a", "two\nlines", "\x00", "é"):
        if limit == 7 and text == "a":
            continue
        expected = [x for x in lines if text.lower() in x["message"].lower()]
        assert expected
        assert keys(found(client, q=text, limit=limit)) == keys(expected)
    assert found(client, q="nowhere in here", limit=limit) == []


def test_a_line_says_whose_it_is(client: httpx2.Client, data: Data) -> None:
    line = found(client, q="critical one")[0]
    assert set(line) == LINE
    assert (line["job_id"], line["handler_name"]) == (data.jobs["rich"], "rich")
    job = client.get(f"/api/pulse/jobs/{data.jobs['rich']}").json()
    assert line["job_source"] == job["source"]
    mine = client.get(f"/jobs/{data.jobs['rich']}/logs", params={"q": "critical one"}).json()
    assert {**mine["logs"][0], "job_id": line["job_id"]} == {
        k: v for k, v in line.items() if k not in ("handler_name", "job_source")
    }


def test_filters_narrow_it(client: httpx2.Client, data: Data) -> None:
    lines, every = found(client, q="stage"), found(client, q="s")
    assert len(lines) > 2_000
    at = lines[1000]["timestamp"]
    for query, fits in [
        ({"level": "error"}, lambda x: x["level"] in ("error", "critical")),
        ({"level": "info,"}, lambda x: x["level"] == "info"),
        ({"source": "emitter,stdout"}, lambda x: x["source"] in ("emitter", "stdout")),
        ({"logger": "many.b"}, lambda x: x["logger"] == "many.b"),
        ({"stage": "stage-1"}, lambda x: x["stage"] == "stage-1"),
        ({"q": "s", "stage": ""}, lambda x: x["stage"] is None and "s" in x["message"].lower()),
        ({"task_id": "task-3"}, lambda x: x["task_id"] == "task-3"),
        ({"task_id": "stage-2"}, lambda x: x["task_id"] is None and x["stage"] == "stage-2"),
        (
            {"q": "s", "task_id": "CN_1", "stage": "score"},
            lambda x: x["task_id"] == "CN_1" and x["stage"] == "score",
        ),
        ({"stage": "fetch", "task_id": "task-3"}, lambda x: False),
        ({"stage": "stage-1", "handler": "rich"}, lambda x: False),
        ({"handler": "rich"}, lambda x: x["job_id"] == data.jobs["rich"]),
        ({"since": at}, lambda x: x["timestamp"] >= at),
        ({"until": at}, lambda x: x["timestamp"] < at),
        ({"q": "stage line", "case": "true"}, lambda x: "stage line" in x["message"]),
        ({"q": "STAGE", "case": "true"}, lambda x: False),
        (
            {"q": "of stage [02]$", "regex": "true"},
            lambda x: x["message"][-10:] in ("of stage 0", "of stage 2"),
        ),
    ]:
        among = every if query.get("q") == "s" else lines
        assert keys(found(client, **{"q": "stage", **query})) == keys(list(filter(fits, among)))
        if not query.keys() & {"handler"}:
            mine = client.get(f"/jobs/{data.jobs['many']}/logs", params={"q": "stage", **query})
            many = [x for x in filter(fits, among) if x["job_id"] == data.jobs["many"]]
            assert mine.json()["total_count"] == len(many), "as in the log of a job"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "q: the text to look for is missing"),
        ({"q": ""}, "q: the text to look for is missing (at character 1)"),
        ({"q": "a(b", "regex": "true"}, "missing ): a(b (at its end, character 3)"),
        ({"q": "x{9999}", "regex": "true"}, "invalid repetition size: {9999} (at character 2)"),
        ({"q": "x", "level": "loud"}, "'loud' is not a valid level"),
        ({"q": "x", "cursor": "zzz"}, "'zzz' is not a valid cursor"),
        ({"q": "x" * 1_025}, "1024"),
    ],
)
def test_what_cannot_be_used_is_named(
    client: httpx2.Client, query: dict[str, str], sentence: str
) -> None:
    answer = client.get(PATH, params=query)
    assert answer.status_code == 400
    assert sentence in answer.text


def test_the_indexer_builds_the_index_while_lines_come(fresh: App) -> None:
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        said = 1
        for count in range(500, 1_000, 100):
            talker.say(count)
            said += count
            client.get(PATH, params={"q": "line 777"}).raise_for_status()
        wait_until(lambda: indexed(fresh.store.connection).lines >= 2 * 1024)
        covered = client.get(PATH, params={"q": "line 777"}).json()["indexed"]
        assert covered["lines"] % 1024 == 0
        assert covered["lines"] >= 2 * 1024
        talker.finish()
        fresh.settle(job)
        lines = found(client, q="LINE", source="emitter", limit=1000)
        assert [x["message"] for x in lines] == [f"line {n}" for n in range(said, 0, -1)]
        for number in (1, said, said // 2):
            (line,) = found(client, q=f"^line {number}$", regex="true")
            assert line["message"] == f"line {number}"
        path = f"/jobs/{job}/logs"
        query = {"q": f"line {said}", "source": "emitter"}
        assert client.get(path, params=query).json()["total_count"] == 1


def test_pages_go_on_where_the_one_before_ended_while_lines_come(fresh: App) -> None:
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        talker.say(200)
        wait_until(lambda: any(x["message"] == "line 200" for x in found(client, q="line 200")))
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            page = client.get(PATH, params={"q": "line", "limit": 9, **cursor}).json()
            seen += [line["id"] for line in page["logs"]]
            talker.say(5)
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == list(range(seen[0], 0, -1))
        assert job in {line["job_id"] for line in found(client, q="line")}


def test_the_log_of_a_schedule_is_searched_too(fresh: App) -> None:
    store(fresh.store.connection, "JB_a", [Said(b"fired the first")])
    fresh.store.connection.execute(
        "INSERT INTO scheduled_pulse_jobs(id, ats_code, interval_seconds, created_at, updated_at)"
        " VALUES('SP_1', 'every day', 60, '', ''); DELETE FROM async_ix_jobs;"
        "UPDATE job_attempts SET job_id = 'SP_1'"
    ).fetchall()
    with serving(fresh) as (_, client):
        (line,) = found(client, q="FIRED")
    assert (line["job_id"], line["handler_name"], line["job_source"]) == (
        "SP_1",
        "schedule",
        "every day",
    )


def test_nobody_looks_on_for_one_who_is_gone(fresh: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that takes hours to look through is played by a search that never comes to its end."""
    looks: list[str | None] = []
    looked = threading.Event()

    def endless(*_: Any, cursor: str | None, **__: Any) -> FoundPage:
        looks.append(cursor)
        looked.set()
        return FoundPage(q="x", logs=[], next_cursor="more", indexed=Indexed(0, 0))

    monkeypatch.setattr(SearchStore, "page", endless)
    monkeypatch.setattr(api_search, "FIRST_LINE_LIMIT_S", 3600)
    with serving(fresh) as (server, client):
        with socket.create_connection(("127.0.0.1", server.port)) as asking:
            host = f"Host: 127.0.0.1:{server.port}\r\n\r\n"
            asking.sendall(f"GET /api/pulse/search?q=x HTTP/1.1\r\n{host}".encode())
            assert looked.wait(20)

        def stopped() -> bool:
            seen = len(looks)
            for _ in range(300):
                client.get("/healthz")
            return seen == len(looks)

        wait_until(stopped)
        assert looks == [None, *["more"] * (len(looks) - 1)]
