"""From "add a schedule" to the last line: the same lines by SQL, by HTTP and in the browser."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import node
from tests.support.qntx_server import Served, serving_in
from tests.ui.test_pages import assert_walked


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on which nothing has run and nothing is scheduled."""
    with serving_in(tmp_path_factory.mktemp("scheduled")) as found:
        yield found


def stored(served: Served, job_id: str) -> list[dict[str, Any]]:
    """The lines of a job as SQL gives them."""
    with sqlite3.connect(served.home / "qntx.db") as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            "SELECT seq, stage, task_id, timestamp, level, message FROM task_logs"
            " WHERE job_id = ? ORDER BY seq",
            (job_id,),
        )
        return [dict(row) for row in rows]


def curled(url: str) -> Any:
    """What curl gets from an address."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", url],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(done.stdout)


def test_a_schedule_added_in_the_browser_is_read_everywhere_alike(fresh: Served) -> None:
    result = node("scheduled.mjs", fresh.url, f"{fresh.site}/jobs")
    assert_walked(result, "scheduled")
    read = result["scheduled"]["gave"]

    rows = stored(fresh, read["job"])
    assert rows
    answer = curled(f"{fresh.url}/jobs/{read['job']}/logs?limit=1000")
    assert [
        {
            "seq": line["id"],
            "stage": line["stage"],
            "task_id": line["task_id"],
            "timestamp": line["timestamp"],
            "level": line["level"],
            "message": line["message"],
        }
        for line in answer["logs"]
    ] == rows
    assert answer["total_count"] == len(rows)

    shown = [
        {
            "seq": line["seq"],
            "stage": stage["stage"],
            "time": line["time"],
            "level": line["level"],
            "message": line["message"],
        }
        for stage in read["stages"]
        for line in stage["lines"]
    ]
    told = [
        {
            "seq": row["seq"],
            "stage": row["stage"] or "",
            "time": row["timestamp"][11:23],
            "level": row["level"],
            "message": row["message"],
        }
        for row in rows
    ]
    assert sorted(shown, key=lambda line: line["seq"]) == told
    by_seq = {line["seq"]: line for line in told}
    for line in read["log"]:
        assert {**line, "stage": line["stage"] or ""} == by_seq[line["seq"]]

    for stage in read["stages"]:
        part = curled(f"{fresh.url}/jobs/{read['job']}/logs?limit=1000&stage={stage['stage']}")
        assert [line["id"] for line in part["logs"]] == sorted(
            line["seq"] for line in stage["lines"]
        )
    executions = curled(f"{fresh.url}/executions/{read['execution']}/logs?limit=1000")
    assert [line["id"] for line in executions["logs"]] == [row["seq"] for row in rows]
