"""The main job, end to end: the same tree by API, by SQL and in a real browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.paths import EXAMPLES, ROOT
from tests.support.qntx_server import Served

SEED_STAGES = [
    "extract_requirements",
    "generate_attestations",
    "persist_data",
    "persist_complete",
    "score_candidates",
]


def inputs(served: Served) -> dict[str, str]:
    return {
        "text": str(EXAMPLES / "jobs" / "senior-backend-engineer.txt"),
        "web page": f"{served.site}/jobs/data-engineer-supply-chain",
        "pdf": (EXAMPLES / "jobs" / "finance-lead.pdf").as_uri(),
    }


Tree = dict[str, dict[str, list[tuple[int, str, str]]]]


def by_sql(served: Served, job_id: str) -> Tree:
    """Stage → task → (seq, level, message) from the view task_logs."""
    tree: Tree = {}
    db = apsw.Connection(str(served.home / "qntx.db"), flags=apsw.SQLITE_OPEN_READONLY)
    for stage, task, seq, level, message in db.execute(
        "SELECT stage, task_id, seq, level, message FROM task_logs WHERE job_id = ? ORDER BY id",
        (job_id,),
    ):
        stage = stage or ""
        tree.setdefault(stage, {}).setdefault(task or stage, []).append((seq, level, message))
    db.close()
    return tree


def by_api(served: Served, job_id: str) -> Tree:
    """The same from the endpoints for stages and logs."""
    tree: Tree = {}
    for stage in served.get(f"/api/pulse/jobs/{job_id}/stages")["stages"]:
        tree[stage["stage"]] = {task["task_id"]: [] for task in stage["tasks"]}
        counts = {task["task_id"]: task["log_count"] for task in stage["tasks"]}
        for line in _all_lines(served, job_id, stage["stage"]):
            task = line["task_id"] or stage["stage"]
            tree[stage["stage"]][task].append((line["id"], line["level"], line["message"]))
        assert counts == {task: len(lines) for task, lines in tree[stage["stage"]].items()}
    return tree


def _all_lines(served: Served, job_id: str, stage: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    after = ""
    while True:
        page = served.get(f"/jobs/{job_id}/logs?stage={stage}&limit=100{after}")
        lines += page["logs"]
        if page["next_cursor"] is None:
            assert page["total_count"] == len(lines)
            return lines
        after = f"&after={page['next_cursor']}"


def by_browser(served: Served, job_id: str) -> Tree:
    """The same as a person sees it, clicked through in Chromium."""
    shown = subprocess.run(
        ["node", str(ROOT / "tests" / "ui" / "tree.mjs"), served.url, job_id],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    page = json.loads(shown.stdout)
    assert page["trouble"] == []
    return {
        stage["stage"]: {
            task["task_id"]: [(x["seq"], x["level"], x["message"]) for x in task["lines"]]
            for task in stage["tasks"]
        }
        for stage in page["stages"]
    }


@pytest.mark.parametrize("kind", ["text", "web page", "pdf"])
def test_the_tree_is_the_same_by_api_by_sql_and_in_the_browser(served: Served, kind: str) -> None:
    queued = served.qntx("ix", "--queue", inputs(served)[kind])
    assert queued.returncode == 0, queued.stderr
    job_id = queued.stdout.strip()
    job = served.finished(job_id)

    assert job["status"] == "completed", job
    tree = by_sql(served, job_id)
    first = "fetch_jd" if kind == "web page" else "read_jd"
    assert list(tree) == [first, *SEED_STAGES]
    assert len(tree["score_candidates"]) == 1 + 12  # the stage's own lines, and one task each
    assert by_api(served, job_id) == tree
    assert job["receipt"]["complete"]
    assert job["receipt"]["stored"] == sum(
        len(x) for tasks in tree.values() for x in tasks.values()
    )
    assert by_browser(served, job_id) == tree


def test_a_run_in_the_foreground_has_the_same_lines_as_a_queued_one(served: Served) -> None:
    source = str(EXAMPLES / "jobs" / "senior-backend-engineer.txt")
    queued = served.qntx("ix", "--queue", source).stdout.strip()
    served.finished(queued)
    run = served.qntx("ix", source)
    assert run.returncode == 0, run.stderr
    newest = served.get("/api/pulse/jobs?limit=1")["jobs"][0]["id"]
    assert newest != queued

    def lines(job_id: str) -> list[tuple[str, str, int]]:
        tree = by_sql(served, job_id)
        return [(stage, task, len(x)) for stage, tasks in tree.items() for task, x in tasks.items()]

    assert lines(newest) == lines(queued)


def test_a_missing_file_gives_the_stages_of_the_seed(served: Served, tmp_path: Path) -> None:
    source = (tmp_path / "test-jd.txt").as_uri()
    run = served.qntx("ix", "jd", source)

    assert run.returncode == 1
    assert source in run.stderr.replace("\n", "")
    job = served.get("/api/pulse/jobs?limit=1")["jobs"][0]
    assert (job["status"], job["error_stage"]) == ("failed", "read_jd")
    stages = served.get(f"/api/pulse/jobs/{job['id']}/stages")
    assert stages["job_id"] == job["id"]
    shape = [
        {
            "stage": s["stage"],
            "tasks": [{k: t[k] for k in ("task_id", "log_count")} for t in s["tasks"]],
        }
        for s in stages["stages"]
    ]
    assert shape == [{"stage": "read_jd", "tasks": [{"task_id": "read_jd", "log_count": 2}]}]
    logs = served.get(f"/jobs/{job['id']}/logs")
    assert set(logs) >= {"job_id", "total_count", "logs"}
    told, error = logs["logs"]
    assert (told["stage"], told["level"]) == ("read_jd", "info")
    assert told["message"] == f"Reading job description from {source}"
    assert (error["stage"], error["level"]) == ("read_jd", "error")
    assert error["message"].startswith(f"file not found: {source}")
    assert set(told) >= {"id", "stage", "task_id", "timestamp", "level", "message", "metadata"}


def test_lines_of_a_task_are_found_by_its_id(served: Served) -> None:
    source = str(EXAMPLES / "jobs" / "senior-backend-engineer.txt")
    job_id = served.qntx("ix", "--queue", source).stdout.strip()
    served.finished(job_id)
    task = "CN_amara-okafor"

    mine = served.get(f"/api/pulse/tasks/{task}/logs?job_id={job_id}&limit=1000")["logs"]
    everybodys = served.get(f"/api/pulse/tasks/{task}/logs?limit=10000")["logs"]

    assert [x["message"] for x in mine] == [
        x["message"] for x in reversed(everybodys) if x["job_id"] == job_id
    ]
    assert all(x["task_id"] == task for x in everybodys)


def test_the_demo_runs_and_says_so(tmp_path: Path, served: Served) -> None:
    import sys

    demo = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")],
        env={**served.env, "QNTX_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count(" completed, complete: ") == 3
