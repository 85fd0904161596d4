"""Schedules on the command line, and the whole way with a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.qntx_server import said_url
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


class Tool:
    """The command line tool in a data directory of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""
        self.env = {**os.environ, "QNTX_HOME": str(home), "QNTX_LLM__ENABLED": "false", "TZ": "UTC"}

    def fails(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def __call__(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qntx", *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "qntx", "serve", "--port", "0"],
            env=self.env,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = said_url(process)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
            assert process.stderr is not None
            process.stderr.close()

    def get(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path / "home")


def test_create_list_change_delete(tool: Tool) -> None:
    made = tool("schedules", "create", "ix jd https://example.com/x", "--every", "6h").strip()
    assert made.startswith("SP_")
    assert "every 6h" in tool("schedules")
    assert "every 10m" in tool("schedules", "edit", made, "--every", "10m", "--name", "the ten")
    assert "paused" in tool("schedules", "pause", made)
    assert "is paused" in tool.fails("schedules", "pause", made)
    assert "active" in tool("schedules", "resume", made)
    job = tool("schedules", "trigger", made).strip()
    assert job.startswith("JB_")
    shown = json.loads(tool("schedules", "show", made))
    assert (shown["name"], shown["statistics"]["by_status"]["running"]) == ("the ten", 1)
    assert f"{made}: active" in tool("explain", made)
    assert "queued" in tool("explain", job)
    fired = tool("executions", made).split()[0]
    assert tool("explain", fired).splitlines()[1].strip() == f"Its job {job} is queued."
    assert json.loads(tool("explain", job, "--json"))["state"] == "queued"
    assert job in tool("executions", made)
    assert json.loads(tool("executions", made, "--json"))[0]["async_job_id"] == job
    assert tool("executions", made, "--csv").splitlines()[0].startswith("id,")
    again = tool("executions", "--rerun", json.loads(tool("executions", "--json"))[0]["id"])
    assert again.startswith("JB_")
    tool("schedules", "delete", made)
    assert "no schedules yet" in tool("schedules")


def test_errors_name_the_word(tool: Tool) -> None:
    assert "unknown flag: --foo" in tool.fails(
        "schedules", "create", "ix https://a.example --foo 1"
    )
    assert "'soon'" in tool.fails("schedules", "create", "ix https://a.example", "--every", "soon")
    assert "--payload is no JSON" in tool.fails(
        "schedules", "create", "--handler", "shell.command", "--payload", "{", "--every", "1h"
    )
    assert "unknown schedule 'SP_1'" in tool.fails("schedules", "show", "SP_1")
    assert "unknown job 'JB_1'" in tool.fails("explain", "JB_1")


def test_a_scheduled_command_is_captured_and_survives_a_killed_server(tool: Tool) -> None:
    made = tool(
        "schedules",
        "create",
        "--every",
        "1s",
        "--missed",
        "one",
        "--",
        "sh",
        "-c",
        "echo to stdout; echo to stderr >&2",
    ).strip()
    where = f"/api/pulse/schedules/{made}/executions?status=completed"
    with tool.serving() as server:
        wait_until(lambda: tool.get(where)["total"] >= 2)
        newest = tool.get(where)["executions"][0]
        page = tool.get(f"/executions/{newest['id']}/logs")
        lines = {(line["source"], line["message"]) for line in page["logs"]}
        assert {m for s, m in lines if s == "subprocess"} >= {"to stdout", "to stderr"}
        assert any(s == "scheduler" and m.startswith("fired by schedule") for s, m in lines)
        assert page["receipt"]["complete"]
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    before = _total(tool, made)
    with tool.serving():
        wait_until(lambda: tool.get(where)["total"] >= 4)
        wait_until(lambda: _left(tool, made) <= 1)
        every = tool.get(f"/api/pulse/schedules/{made}/executions?limit=1000")["executions"]
        instants = [execution["nominal_at"] for execution in every]
        assert len(set(instants)) == len(instants)
    assert _total(tool, made) > before


def _total(tool: Tool, schedule: str) -> int:
    return len(json.loads(tool("executions", schedule, "--json")))


def _left(tool: Tool, schedule: str) -> int:
    path = f"/api/pulse/schedules/{schedule}/executions?status=running"
    total: int = tool.get(path)["total"]
    return total
