"""Filters and pages: what is shown is what the store holds, however it is cut."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import Any

import httpx2
import pytest

from qntx.app import App
from tests.support.api_data import LEVELS, Data, Talker, running
from tests.support.api_server import serving, walk

FILTERS: list[dict[str, Any]] = [
    {"stage": "stage-1"},
    {"stage": ""},
    {"task_id": "task-3"},
    {"task_id": "stage-2"},
    {"level": "warn"},
    {"level": "debug,error"},
    {"level": "info,info"},
    {"source": "logging"},
    {"source": "emitter"},
    {"q": "needle-1"},
    {"q": "task 1"},
    {"q": "%"},
    {"q": "IN TASK"},
    {"q": "stage line [0-9]*7 ", "regex": True},
    {"logger": "many"},
    {"logger": "many.a"},
    {"source": "logging,emitter"},
]
#: One filter of each kind that becomes SQL of its own.
KINDS: list[dict[str, Any]] = [
    {"stage": "stage-1"},
    {"stage": ""},
    {"task_id": "task-3"},
    {"level": "warn"},
    {"source": "logging"},
    {"q": "task 1"},
    {"q": "stage line [0-9]*7 ", "regex": True},
    {"logger": "many.a"},
]
PAIRS = [(a, b) for a, b in itertools.combinations(KINDS, 2) if not set(a) & set(b)]


def lines_of(client: httpx2.Client, job: str, **query: Any) -> list[Any]:
    page = client.get(f"/jobs/{job}/logs", params={"limit": 10_000, **query}).json()
    assert page["total_count"] == len(page["logs"])
    lines: list[Any] = page["logs"]
    return lines


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_both_filters_give_what_each_gives(
    client: httpx2.Client, data: Data, a: dict[str, Any], b: dict[str, Any]
) -> None:
    job = data.jobs["many"]
    only_b = {line["id"] for line in lines_of(client, job, **b)}
    expected = [line for line in lines_of(client, job, **a) if line["id"] in only_b]
    assert lines_of(client, job, **a, **b) == expected


def test_each_filter_is_its_predicate(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["many"]
    whole = lines_of(client, job)
    assert len(whole) >= 2500

    def check(query: dict[str, Any], fits: Any) -> None:
        assert lines_of(client, job, **query) == [line for line in whole if fits(line)]

    check({"stage": "stage-1"}, lambda x: x["stage"] == "stage-1")
    check({"stage": ""}, lambda x: x["stage"] is None)
    check({"task_id": "task-3"}, lambda x: x["task_id"] == "task-3")
    check({"task_id": "stage-2"}, lambda x: x["stage"] == "stage-2" and x["task_id"] is None)
    check({"level": "error"}, lambda x: x["level"] in ("error", "critical"))
    check({"level": "error,error"}, lambda x: x["level"] == "error")
    check({"level": "WARNING"}, lambda x: x["level"] in ("warn", "error", "critical"))
    check({"source": "logging"}, lambda x: x["source"] == "logging")
    check({"q": "needle-1"}, lambda x: "needle-1" in x["message"])
    check({"q": "NEEDLE-1"}, lambda x: "needle-1" in x["message"])
    check({"q": "TextMatch-1", "case": True}, lambda x: False)
    check({"q": "needle-1$", "regex": True}, lambda x: x["message"].endswith("needle-1"))
    check({"source": "emitter,logging"}, lambda x: True)
    check({"logger": "many.a"}, lambda x: x["logger"] == "many.a")
    check({"logger": "many"}, lambda x: x["logger"] in ("many.a", "many.b"))
    check({"logger": "many."}, lambda x: x["logger"] in ("many.a", "many.b"))
    check({"logger": "many.a."}, lambda x: False)
    at, to = whole[700]["timestamp"], whole[1900]["timestamp"]
    check({"since": at}, lambda x: x["timestamp"] >= at)
    check({"since": at, "until": to}, lambda x: at <= x["timestamp"] < to)
    by_level = [lines_of(client, job, level=f"{level},") for level in LEVELS]
    assert sorted(itertools.chain(*by_level), key=lambda x: x["id"]) == whole


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/{}/logs",
        "/api/pulse/jobs/{}/logs.txt",
        "/api/pulse/jobs/{}/logs.ndjson",
        "/api/pulse/jobs/{}/events",
    ],
)
def test_what_is_no_filter_is_named(client: httpx2.Client, data: Data, path: str) -> None:
    for query, sentence in [
        ({"q": "a(b", "regex": "true"}, "missing ): a(b"),
        ({"level": "loud"}, "'loud' is not a valid level"),
        ({"source": "emitter,x"}, "'x' is not a valid source"),
        ({"since": "noon"}, "since: 'noon' is not a valid time"),
    ]:
        answer = client.get(path.format(data.jobs["many"]), params=query)
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]["message"]


def test_a_page_around_a_line(client: httpx2.Client, data: Data) -> None:
    path = f"/jobs/{data.jobs['many']}/logs"
    page = client.get(path, params={"attempt": 1, "around": 1250, "limit": 101}).json()
    assert [line["id"] for line in page["logs"]] == list(range(1200, 1301))
    earlier = client.get(path, params={"before": page["prev_cursor"], "limit": 10}).json()
    assert [line["id"] for line in earlier["logs"]] == list(range(1190, 1200))
    later = client.get(path, params={"after": page["next_cursor"], "limit": 10}).json()
    assert [line["id"] for line in later["logs"]] == list(range(1301, 1311))
    some = lines_of(client, data.jobs["many"], level="error")
    page = client.get(path, params={"around": 1250, "limit": 10, "level": "error"}).json()
    assert (
        page["logs"]
        == [x for x in some if x["id"] < 1250][-5:] + [x for x in some if x["id"] >= 1250][:5]
    )
    assert client.get(path, params={"around": 1, "after": "1"}).status_code == 400


def test_streams_and_downloads_take_the_same_filter(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["many"]
    query: dict[str, Any] = {"logger": "many.a", "q": "needle-[0-3]$", "regex": True}
    wanted = lines_of(client, job, **query)
    assert 20 < len(wanted) < 200
    answer = client.get(f"/api/pulse/jobs/{job}/logs.ndjson", params=query)
    assert [json.loads(line) for line in answer.text.splitlines()] == wanted
    answer = client.get(f"/api/pulse/jobs/{job}/logs.txt", params=query)
    assert answer.text.splitlines() == [line["message"] for line in wanted]
    with client.stream("GET", f"/api/pulse/jobs/{job}/events", params=query) as events:
        said = [json.loads(x[6:]) for x in events.iter_lines() if x.startswith('data: {"id":')]
    assert [x["id"] for x in said if "timestamp" in x] == [x["id"] for x in wanted]


def test_counts_add_up(client: httpx2.Client, data: Data) -> None:
    job = data.jobs["many"]
    page = client.get(f"/jobs/{job}/logs", params={"limit": 1}).json()
    by_level = {
        level: client.get(f"/jobs/{job}/logs", params={"level": f"{level},{level}"}).json()
        for level in LEVELS
    }
    assert {k: v["total_count"] for k, v in by_level.items()} == {
        level: page["counts"][level] for level in LEVELS
    }
    assert sum(v["total_count"] for v in by_level.values()) == page["total_count"]
    found = Counter(line["level"] for line in lines_of(client, job))
    assert {level: found[level] for level in LEVELS} == {
        level: page["counts"][level] for level in LEVELS
    }


@pytest.mark.parametrize("query", [{}, {"level": "warn"}, {"q": "needle"}, {"task_id": "task-3"}])
@pytest.mark.parametrize("limit", [1_000, 97, 1])
def test_walking_pages_gives_the_store(
    client: httpx2.Client, data: Data, query: dict[str, Any], limit: int
) -> None:
    for name in ("many", "retried") if limit > 1 else ("retried",):
        path = f"/api/pulse/jobs/{data.jobs[name]}/logs"
        whole = lines_of(client, data.jobs[name], **query)
        assert walk(client, path, limit=limit, **query) == whole
        assert walk(client, path, backward=True, limit=limit, attempt=1, **query) == [
            line for line in whole if line["attempt"] == 1
        ]


def test_numbers_are_places_in_an_attempt(client: httpx2.Client, data: Data) -> None:
    path, rng = f"/jobs/{data.jobs['many']}/logs", random.Random(7)
    total = client.get(path, params={"limit": 1}).json()["total_count"]
    for _ in range(20):
        at, limit = rng.randint(0, 2600), rng.randint(1, 300)
        after = client.get(path, params={"attempt": 1, "after": at, "limit": limit}).json()
        expected = list(range(at + 1, min(at + limit, total) + 1))
        assert [line["id"] for line in after["logs"]] == expected
        before = client.get(path, params={"attempt": 1, "before": at, "limit": limit}).json()
        last = min(at - 1, total)
        assert [line["id"] for line in before["logs"]] == list(
            range(max(last - limit + 1, 1), last + 1)
        )


@pytest.mark.parametrize(
    "wanted", [{}, {"q": "LINE [0-9]*[02468]$", "regex": "true"}, {"stage": "stage 1"}]
)
def test_pages_stay_whole_while_a_job_speaks(fresh: App, wanted: dict[str, str]) -> None:
    talker = Talker()
    with fresh.indexing(), serving(fresh) as (_, client), running(fresh, talker) as job:
        path, seen = f"/jobs/{job}/logs", []
        cursor = None
        for round_number in range(12):
            talker.say(40 + round_number)
            while True:
                query = {"after": cursor} if cursor else {}
                page = client.get(path, params={"limit": 30, **wanted, **query}).json()
                if wanted:
                    assert len(seen) + len(page["logs"]) <= page["total_count"]
                else:
                    assert page["total_count"] == page["counts"]["total"]
                assert page["receipt"]["stored"] == page["counts"]["total"]
                seen += page["logs"]
                if page["next_cursor"] is None:
                    break
                cursor = page["next_cursor"]
            # The last page has no cursor: it goes on after its last line.
            cursor = str(seen[-1]["id"]) if seen else None
        talker.finish()
        fresh.settle(job)
        rest = walk(client, path, limit=100, after=cursor, **wanted)
        whole = walk(client, path, **wanted)
        assert seen + [line for line in rest if line["id"] > seen[-1]["id"]] == whole
        assert walk(client, path, backward=True, limit=77, **wanted) == whole
        assert len(whole) == client.get(path, params=wanted).json()["total_count"]
