"""The built-in handler for commands: output, exit codes, and stopping."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.errors import BadInput
from qntx.handlers.shell_command import HANDLERS
from qntx.model.views import LogFilter
from qntx.runtime.context import Control
from tests.support.processes import is_alive
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def app(tmp_path: Path) -> App:
    made = App(home=tmp_path / "home")
    made.registry.include(HANDLERS)
    return made


def lines(app: App, job_id: str) -> list[tuple[str, str]]:
    page = app.store.logs.page(job_id, LogFilter())
    return [(line.source, line.message) for line in page.logs]


def test_what_a_command_prints_is_its_log(app: App, tmp_path: Path) -> None:
    job, outcome = app.run(
        "shell.command",
        {"command": ["sh", "-c", "pwd; echo $WHO"], "cwd": str(tmp_path), "env": {"WHO": "me"}},
    )
    assert (outcome.status, outcome.result) == ("completed", {"exit_code": 0})
    assert [message for _, message in lines(app, job)] == [str(tmp_path), "me"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", "exit 3"], "sh ended with exit code 3"),
        (["sh", "-c", "kill -9 $$"], "sh ended with signal SIGKILL"),
        (["/no/such/program"], "cannot run '/no/such/program'"),
    ],
)
def test_a_command_that_fails(app: App, command: list[str], said: str) -> None:
    _, outcome = app.run("shell.command", {"command": command})
    assert outcome.status == "failed"
    assert said in str(outcome.error)


@pytest.mark.parametrize("payload", [{}, {"command": []}, {"command": "ls"}, {"cmd": ["ls"]}])
def test_a_payload_that_is_no_command(app: App, payload: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"shell\.command"):
        app.enqueue("shell.command", payload)


def test_a_cancelled_command_is_ended_with_what_it_started(app: App, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"trap '' TERM; sleep 300 & echo $! > {mark}.part; mv {mark}.part {mark}; wait"
    control = Control()
    found: list[str] = []

    def run() -> None:
        _, outcome = app.run("shell.command", {"command": ["sh", "-c", script]}, control=control)
        found.append(outcome.status)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(mark.exists)
    control.ask("cancel")
    thread.join(30)
    assert found == ["cancelled"]
    # It was sent SIGKILL; the kernel ends it in its own time.
    wait_until(lambda: not is_alive(int(mark.read_text())))
