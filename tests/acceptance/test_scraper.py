"""Scraping a listing through a real server: by hand, again, and by the clock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from qntx.builtin import built_in_app
from qntx.config import load
from tests.support.paths import example_module
from tests.support.qntx_server import Served, serving_in
from tests.support.waiting import wait_until

SITE = example_module("site").CareerSite()
LISTED = {f"/jobs/{slug}" for slug in SITE.postings}
DISALLOWED = {f"/jobs/{s}" for s, t in SITE.troubles.items() if t == "disallowed"}
#: What the error of each kind of broken page says.
SAID = {
    "gone": "answered 404",
    "error": "answered 500",
    "garbage": "it is binary data",
    "loop": "more than 5 redirects",
    "empty": "the page is empty",
}
BROKEN = {f"/jobs/{slug}": SAID[t] for slug, t in SITE.troubles.items() if t in SAID}


def scrape(served: Served) -> dict[str, Any]:
    """A run of the scraper, when it is over."""
    listing = f"{served.site}/jobs"
    app = built_in_app(load(home=served.home))
    job = served.finished(app.enqueue("vacancies", {"url": listing}, source=listing))
    assert job["status"] == "completed", job
    return job


def children(served: Served, job_id: str) -> list[dict[str, Any]]:
    """All children of a job, when they are over."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = served.get(f"/api/pulse/jobs/{job_id}/children?limit=50{cursor}")
        found += page["children"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    return [served.finished(child["id"]) for child in found]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of its own: in the one that all share, some vacancies may be known already."""
    with serving_in(tmp_path_factory.mktemp("scraper")) as found:
        yield found


@pytest.fixture(scope="module")
def first(served: Served) -> dict[str, Any]:
    return scrape(served)


@pytest.fixture(scope="module")
def ingested(served: Served, first: dict[str, Any]) -> list[dict[str, Any]]:
    return children(served, first["id"])


def test_every_vacancy_of_the_site_gets_a_job_of_its_own(
    served: Served, first: dict[str, Any], ingested: list[dict[str, Any]]
) -> None:
    counts = {k: v for k, v in first["result"].items() if k != "url"}
    assert counts == {"pages": 4, "found": 60, "enqueued": 59, "skipped": 0, "disallowed": 1}
    sources = [child["source"].removeprefix(served.site) for child in ingested]
    assert sorted(sources) == sorted(LISTED - DISALLOWED)
    assert {child["handler_name"] for child in ingested} == {"role.jd-ingestion"}
    assert {child["parent_job_id"] for child in ingested} == {first["id"]}


def test_a_broken_posting_fails_only_its_own_job_and_says_why(
    served: Served, ingested: list[dict[str, Any]]
) -> None:
    errors = {
        child["source"].removeprefix(served.site): child["error"]
        for child in ingested
        if child["status"] != "completed"
    }
    assert errors.keys() == BROKEN.keys()
    for path, said in BROKEN.items():
        assert said in errors[path]
    assert Counter(child["status"] for child in ingested) == {"completed": 54, "failed": 5}
    assert {c["error_stage"] for c in ingested if c["status"] == "failed"} == {"fetch_jd"}


def test_every_decision_is_a_line_of_a_task(served: Served, first: dict[str, Any]) -> None:
    stages = served.get(f"/api/pulse/jobs/{first['id']}/stages")["stages"]
    assert [s["stage"] for s in stages] == [
        "fetch_listing",
        "find_vacancies",
        "enqueue_vacancies",
    ]
    tasks = [task for task in stages[2]["tasks"] if not task["is_stage"]]
    assert len(tasks) == 60
    assert "Data Engineer Supply Chain (m/w/d)" in {task["name"] for task in tasks}
    logs = served.get(f"/jobs/{first['id']}/logs?stage=enqueue_vacancies&limit=1000")["logs"]
    decided = [line for line in logs if (line["metadata"] or {}).get("decision")]
    assert len({line["task_id"] for line in decided}) == len(decided) == 60
    assert first["receipt"]["complete"]


def test_a_second_run_enqueues_nothing_new(served: Served, ingested: list[dict[str, Any]]) -> None:
    second = scrape(served)
    assert (second["result"]["enqueued"], second["result"]["skipped"]) == (0, 59)
    assert children(served, second["id"]) == []
    logs = served.get(f"/jobs/{second['id']}/logs?q=Skipped&level=debug&limit=1000")["logs"]
    assert sum("ingested at" in line["message"] for line in logs) == 54
    assert sum("failed at" in line["message"] for line in logs) == 5


def test_by_the_clock_a_listing_is_scraped_and_its_lines_are_there_at_once(
    served: Served, ingested: list[dict[str, Any]]
) -> None:
    code = f"ix {served.site}/jobs"
    made = served.qntx("schedules", "create", code, "--every", "2s")
    assert made.returncode == 0, made.stderr
    schedule = next(word for word in made.stdout.split() if word.startswith("SP_"))
    try:
        runs = _executions(served, schedule, 2)
    finally:
        assert served.qntx("schedules", "delete", schedule).returncode == 0
    for run in runs:
        job = served.finished(run["async_job_id"])
        assert (job["handler_name"], job["status"]) == ("role.vacancies-scraper", "completed")
        logs = served.get(f"/executions/{run['id']}/logs?limit=1000")["logs"]
        assert "Fetching page 1 from" in json.dumps(logs)
        assert job["result"]["enqueued"] == 0


def _executions(served: Served, schedule: str, number: int) -> list[dict[str, Any]]:
    def fired() -> list[dict[str, Any]]:
        found = served.qntx("executions", schedule, "--json")
        runs = [run for run in json.loads(found.stdout) if run["async_job_id"]]
        return runs[-number:] if len(runs) >= number else []

    return wait_until(fired, f"{schedule} fires {number} times")
