"""The same is captured whichever way a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.foreground import run_command
from qntx.model.views import LogFilter
from tests.support.workers import Running, working

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same workers for all tests: no job is any other's business."""
    with working(tmp_path_factory.mktemp("working") / "home") as found:
        yield found


def logs(app: App, job_id: str, **wanted: Any) -> list[Any]:
    return list(app.store.logs.page(job_id, LogFilter(**wanted)).logs)


def test_the_same_is_captured_here_by_a_worker_and_of_a_command(
    running: Running, tmp_path: Path
) -> None:
    app = running.app
    by_hand, _ = app.run("test.asynchronous", {"path": str(tmp_path / "out"), "text": "0.01"})
    payload = {"path": str(tmp_path / "out"), "text": "0.01"}
    by_worker = app.enqueue("test.asynchronous", payload)
    running.final(by_worker)
    said = [[(x.stage, x.source, x.message) for x in logs(app, j)] for j in (by_hand, by_worker)]
    assert said[0] == said[1] == [("wait", "stdout", "done waiting")]
    run_command(app, ["echo", "from a command"], name="a command")
    newest = app.store.jobs.page(limit=1).jobs[0]
    assert [x.message for x in logs(app, newest.id)] == ["from a command"]


def test_lines_of_attempts_are_told_apart(running: Running, tmp_path: Path) -> None:
    job: Any = running.final(running.app.enqueue("test.flaky", {"path": str(tmp_path / "out")}))
    first, last = (logs(running.app, job.id, attempt=n) for n in (1, 3))
    assert {line.attempt for line in first} == {1}
    assert {line.attempt for line in last} <= {3}
    assert any("ConnectionError" in line.message for line in first)
