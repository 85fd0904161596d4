"""The web UI in a real browser, on a real server, with jobs that really ran."""

from __future__ import annotations

import json
from typing import Any

from tests.support.browser import node
from tests.support.qntx_server import Served


def assert_walked(result: dict[str, Any], *names: str) -> None:
    """Every flow was walked, all of it worked, and the browser had nothing to complain about."""
    assert set(result) == set(names)
    for flow in result.values():
        assert flow["failed"] == []
        assert flow["trouble"] == []
        assert flow["passed"]


def vacancy(served: Served) -> str:
    """Address of a job description on the example site."""
    return f"{served.site}/jobs/data-engineer-supply-chain"


def test_reading_a_job(served: Served, completed: str) -> None:
    result = node("flows.mjs", served.url, completed)
    assert_walked(
        result,
        "list",
        "narrowing",
        "choosing",
        "moving",
        "searching",
        "asking",
        "taking",
        "looks",
        "missing",
    )


def test_a_line_longer_than_the_screen(served: Served) -> None:
    payload = json.dumps({"command": ["printf", "%020000d", "7"]})
    job_id = served.qntx("enqueue", "shell.command", "--payload", payload).stdout.strip()
    assert served.finished(job_id)["status"] == "completed"
    assert_walked(node("flows.mjs", served.url, job_id, "longLine"), "longLine")


def test_a_failed_job_opens_where_it_failed(served: Served, failed: str) -> None:
    flows = ("failure", "origins", "overTime")
    assert_walked(node("flows.mjs", served.url, failed, *flows), *flows)


def test_the_keyboard_alone(served: Served, completed: str) -> None:
    assert_walked(node("keys.mjs", served.url, completed), "singleKeys", "tabbing", "finding")


def test_acting_on_jobs(served: Served) -> None:
    result = node("pulse.mjs", served.url, vacancy(served), "actions", "attempts")
    assert_walked(result, "actions", "attempts")


def test_the_panel_and_schedules(served: Served, failed: str) -> None:
    result = node("pulse.mjs", served.url, vacancy(served), "panel", "schedules")
    assert_walked(result, "panel", "schedules")


def test_what_was_read_and_who_fits(served: Served, completed: str) -> None:
    assert_walked(node("finding.mjs", served.url, "jds"), "jds")


def test_search_over_all_runs(served: Served, completed: str) -> None:
    assert_walked(node("finding.mjs", served.url, "search"), "search")


def test_a_running_job_is_followed_to_its_end(served: Served, ticking: str) -> None:
    assert_walked(node("flows.mjs", served.url, ticking, "live"), "live")


def test_the_network_goes_away_while_a_job_runs(served: Served, ticking: str) -> None:
    assert_walked(node("flows.mjs", served.url, ticking, "unplugged"), "unplugged")


def test_every_page_is_accessible(served: Served, completed: str, failed: str) -> None:
    pages = [
        f"{served.url}/",
        f"{served.url}/jobs",
        f"{served.url}/jobs/{completed}#A1L3-L5",
        f"{served.url}/jobs/{failed}",
        f"{served.url}/jobs/JB_00000000000000000000000000",
        f"{served.url}/jds/{served.get('/api/pulse/jds')['jds'][0]['id']}",
        f"{served.url}/candidates/{served.get('/api/pulse/candidates')['candidates'][0]['id']}",
        f"{served.url}/search",
    ]
    assert node("axe.mjs", *pages) == {page: {} for page in pages}
