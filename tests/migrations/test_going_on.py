"""An old database is not only read: the program works on with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .opened import Frozen, all_frozen, ask, qntx

#: Of the shop in ``rows/``: a job that failed, and its execution.
FAILED, EXECUTION = "JB_01KA1000000000000000000002", "PX_01KA1000000000000000000002"
HANDMADE = [
    frozen for frozen in all_frozen() if any(job["id"] == FAILED for job in frozen.contents["jobs"])
]


@pytest.mark.slow
def test_a_new_run_is_stored_and_found_beside_the_old_ones(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    command = ["run", "--name", "fresh", "--", "sh", "-c", "echo fresh import of words"]
    done = subprocess.run(
        [sys.executable, "-m", "qntx", "--home", str(path.parent), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    newest, *old = answer(path, "jobs", "--limit", "1000", "--json")["jobs"]
    assert (newest["handler_name"], newest["status"]) == ("fresh", "completed")
    assert newest["receipt"]["complete"]
    assert [job["id"] for job in old] == [job["id"] for job in frozen.contents["jobs"]]
    said = answer_lines(path, "logs", newest["id"], "--json")
    assert [line["message"] for line in said] == ["fresh import of words"]
    for job in old:
        lines = [line for line in frozen.contents["lines"] if line["job_id"] == job["id"]]
        shown = answer_lines(path, "logs", job["id"], "--json")[: len(lines)]
        assert [(line["attempt"], line["id"]) for line in shown] == [
            (line["attempt"], line["id"]) for line in lines
        ]
    found = {
        (line["job_id"], line["id"])
        for line in answer_lines(path, "search", "import of", "--limit", "1000", "--json")
    }
    assert found == {(newest["id"], 1)} | {
        (line["job_id"], line["id"])
        for line in frozen.contents["lines"]
        if "import of" in line["message"]
    }


@pytest.mark.parametrize("frozen", HANDMADE, ids=str)
def test_an_old_execution_follows_its_job(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    for command, status in (("retry", "running"), ("cancel", "cancelled")):
        done = qntx(path.parent, command, FAILED)
        assert done.exit_code == 0, done.output
        sql = f"SELECT status FROM pulse_executions WHERE id = '{EXECUTION}'"
        assert ask(path, sql) == [(status,)]


def answer(path: Path, *arguments: str) -> Any:
    """What the command prints, as JSON."""
    done = qntx(path.parent, *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def answer_lines(path: Path, *arguments: str) -> list[Any]:
    """What the command prints, one piece of JSON a line."""
    done = qntx(path.parent, *arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]
