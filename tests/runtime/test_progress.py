"""How far jobs are, what they cost, their tasks as squares, and the tree of their children."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qntx.cli import main
from tests.support.api_server import TOKEN, serving
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import Running, working

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same workers for all tests: no job is any other's business."""
    with working(tmp_path_factory.mktemp("working") / "home") as found:
        yield found


AUTH = {"Authorization": f"Bearer {TOKEN}"}


def test_progress_time_left_cost_and_tasks(running: Running, tmp_path: Path) -> None:
    app = running.app
    out = tmp_path / "out"
    job_id = app.enqueue("test.steps", {"path": str(out)})
    wait_until(lambda: lines(out) and app.store.jobs.get(job_id).progress.current)
    job = app.store.jobs.get(job_id)
    assert (job.progress.current, job.progress.total, job.cost_actual) == (1, 4, 0.25)
    left_s = job.progress.left_s
    assert left_s is not None
    assert 1.4 < left_s < 15, "three quarters take three times as long as the first"
    text = CliRunner(env={"QNTX_HOME": str(app.settings.home)}).invoke(main, ["jobs"]).output
    assert "1 of 4, " in text
    assert " s left" in text
    (stage,) = app.store.logs.stages(job_id).stages
    squares = {t.task_id: (t.name, t.status, t.result) for t in stage.tasks if not t.is_stage}
    assert squares == {
        "one": ("the one", "completed", None),
        "two": ("the two", "failed", "no such thing"),
        "three": ("the three", "pending", None),
    }
    three = next(task for task in stage.tasks if task.task_id == "three")
    assert (three.started_at, three.ended_at) == (None, None), "it is known, it has not begun"
    app.queue.cancel(job_id)
    over: Any = running.final(job_id)
    assert over.progress.left_s is None


def test_the_tree_of_a_job_by_api_and_on_the_command_line(running: Running) -> None:
    app = running.app
    root = app.enqueue("test.generations", 3, source="r")

    def grown() -> Any:
        found = app.store.jobs.tree(root)
        return found if found.by_status == {"completed": 7} else None

    tree = wait_until(grown)
    shape = [(job.depth, job.source) for job in tree.jobs]
    assert shape == [
        (0, "r"),
        (1, "r.0"),
        (2, "r.0.0"),
        (2, "r.0.1"),
        (1, "r.1"),
        (2, "r.1.0"),
        (2, "r.1.1"),
    ]
    with serving(app) as (_, client):
        answer = client.get(f"/api/pulse/jobs/{root}/tree").json()
        assert [job["id"] for job in answer["jobs"]] == [job.id for job in tree.jobs]
        assert (answer["by_status"], answer["truncated"]) == ({"completed": 7}, False)
        assert client.get("/api/pulse/jobs/JB_nothing/tree").status_code == 404
    runner = CliRunner(env={"QNTX_HOME": str(app.settings.home)})
    text = runner.invoke(main, ["jobs", root, "--tree"]).output.splitlines()
    assert len(text) == 7
    assert text[2].startswith("    ")


def test_jobs_in_bulk_and_unique_ones_by_api(running: Running) -> None:
    app = running.app
    held = {"handler_name": "test.noop", "source": "one", "delay_s": 1_000, "unique": True}
    with serving(app) as (_, client):
        path = "/api/pulse/jobs/bulk"
        many = {"jobs": [held, held, {"handler_name": "test.noop", "priority": 3}]}
        answer = client.post(path, headers=AUTH, json=many)
        assert answer.status_code == 201, answer.text
        first, second, third = answer.json()["ids"]
        assert first == second != third
        before = sum(app.store.jobs.counts().values())
        wrong = {"jobs": [{"handler_name": "test.noop"}, {"handler_name": "no.such"}]}
        assert client.post(path, headers=AUTH, json=wrong).status_code == 400
        assert client.post(path, headers=AUTH, json={"jobs": []}).status_code == 400
        assert sum(app.store.jobs.counts().values()) == before, "all or none"
        assert client.post(path, json=many).status_code == 401
