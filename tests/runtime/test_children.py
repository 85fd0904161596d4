"""Children: the ids that a handler is given, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.errors import BadInput
from qntx.explain.sentences import explain_job
from qntx.recording.session import journal_of
from qntx.runtime.execute import execute
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines, note
from tests.support.workers import Running, working

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same workers for all tests: no job is any other's business."""
    with working(tmp_path_factory.mktemp("working") / "home") as found:
        yield found


def test_a_unique_child_has_the_id_of_its_twin(running: Running) -> None:
    app = running.app
    first: Any = running.final(app.enqueue("test.twins"))
    ids = {*first.result["by_source"], *first.result["by_number"]}
    assert len(ids) == 2
    for job_id in ids:
        child: Any = running.final(job_id)
        assert (child.status, child.parent_job_id) == ("completed", first.id)
    # A key is for ever; uniqueness ends with the job.
    second: Any = running.final(app.enqueue("test.twins"))
    assert second.result["by_number"] == first.result["by_number"]
    assert set(second.result["by_source"]).isdisjoint(ids)


def test_an_active_twin_of_somebody_else_is_the_child(app: App) -> None:
    @app.handler("parent")
    def parent(ctx: Any, payload: Any) -> str:
        return str(ctx.spawn("child", source="one", unique=True))

    app.handler("child")(lambda ctx, payload: None)
    twin = app.enqueue("child", source="one")
    _, outcome = app.run("parent")
    assert outcome.result == twin
    assert app.store.jobs.get(twin).parent_job_id is None


def test_an_attempt_that_is_over_has_no_more_children(app: App) -> None:
    @app.handler("parent")
    def parent(ctx: Any, payload: Any) -> str:
        return str(ctx.spawn("child", idempotency_key="k"))

    app.handler("child")(lambda ctx, payload: None)
    app.enqueue("parent")
    (job,) = app.queue.claim(1, "test", ["parent"], 30)
    app.store.connection.execute("UPDATE async_ix_jobs SET attempt = 2")  # somebody else's by now
    outcome = execute(
        app.registry.get("parent"),
        job,
        journal=journal_of(app.settings.home),
        settings=app.settings,
        ports={},
        registry=app.registry,
    )
    assert outcome.status == "queued"
    assert app.store.jobs.counts()["queued"] == 0


def test_options_of_a_child_are_checked(app: App) -> None:
    @app.handler("parent")
    def parent(ctx: Any, payload: Any) -> None:
        ctx.spawn("parent", priority="high")

    _, outcome = app.run("parent")
    assert "priority" in str(outcome.error)
    assert outcome.error_type == f"{BadInput.__module__}.{BadInput.__qualname__}"


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_pause_holds_a_parent_also_when_its_children_are_over(
    running: Running, tmp_path: Path, taken_back: bool
) -> None:
    app, out, enough = running.app, tmp_path / "out", tmp_path / "enough"
    parent = app.enqueue("test.deaf-parent", {"path": str(out), "text": str(enough)})
    wait_until(lambda: lines(out))
    app.queue.pause(parent)
    note(str(out), "go on")
    wait_until(lambda: len(lines(out)) == 3 and app.store.jobs.status(parent) == "paused")
    assert "stays paused" in " ".join(explain_job(app.store, app.registry, parent).next)
    if taken_back:
        assert app.queue.resume(parent) == "paused"
    enough.touch()
    if not taken_back:
        by_hand = {"pause_reason": "user_requested"}
        wait_until(lambda: app.store.jobs.get(parent).pulse_state == by_hand)
        assert app.store.jobs.status(parent) == "paused"
        assert app.queue.resume(parent) == "queued"
    over: Any = running.final(parent)
    assert (over.status, over.attempt) == ("completed", 2)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(home=tmp_path / "home")
