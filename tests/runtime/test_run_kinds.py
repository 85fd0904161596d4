"""Runs outside of the queue: what can be asked of them, and that they heed it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from qntx.app import App
from qntx.errors import Conflict
from qntx.runtime.context import JobContext
from tests.faults.test_commands import start
from tests.support.data_directory import stored
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def running_job(home: Path) -> str:
    """The id of the job that runs in *home*, once it does."""

    def found() -> list[str]:
        with stored(home) as store:
            sql = "SELECT id FROM async_ix_jobs WHERE status = 'running'"
            return [str(row[0]) for row in store.db.execute(sql)]

    wait_until(found, "the job runs")
    return found()[0]


def test_a_cancelled_command_ends(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = start(home, "sh", "-c", "echo at work; exec sleep 600")
    try:
        app = App(home=home)
        job_id = running_job(home)
        with pytest.raises(Conflict, match="can only be cancelled"):
            app.queue.pause(job_id)
        assert app.queue.cancel(job_id) == "running"
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    job = app.store.jobs.get(job_id)
    assert (job.status, job.run_kind, job.door) == ("cancelled", "command", "command")
    assert job.result == {"exit_code": -signal.SIGTERM}
    with pytest.raises(Conflict, match="run it again with qntx run"):
        app.queue.retry(job_id)
    assert app.store.jobs.get(job_id).status == "cancelled"


def test_a_command_that_ends_on_its_own_terms_has_not_been_cancelled(tmp_path: Path) -> None:
    """It was asked to stop, and chose to complete what it did."""
    home = tmp_path / "home"
    script = 'trap "echo done; exit 0" TERM; echo at work; while :; do sleep 0.05; done'
    process = start(home, "sh", "-c", script)
    try:
        app = App(home=home)
        job_id = running_job(home)
        app.queue.cancel(job_id)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()
    assert app.store.jobs.get(job_id).status == "completed"


def test_a_block_is_neither_stopped_nor_retried_from_outside(tmp_path: Path) -> None:
    import qntx

    app = App(home=tmp_path)
    with qntx.capture("block", home=tmp_path) as emit:
        wait_until(lambda: app.store.jobs.status(emit.job_id) == "running", "it runs")
        for wish in (app.queue.cancel, app.queue.pause):
            with pytest.raises(Conflict, match=r"of the program with process id .* - stop that"):
                wish(emit.job_id)
    assert app.store.jobs.get(emit.job_id).status == "completed"
    with pytest.raises(RuntimeError), qntx.capture("failing", home=tmp_path) as emit:
        raise RuntimeError
    with pytest.raises(Conflict, match="run that again"):
        app.queue.retry(emit.job_id)


@pytest.mark.parametrize(("wish", "status"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_handler_in_the_foreground_heeds_a_wish(tmp_path: Path, wish: str, status: str) -> None:
    app = App(home=tmp_path)
    started = threading.Event()

    @app.handler("x.wait")
    def wait(ctx: JobContext, payload: object) -> None:
        started.set()
        while True:
            ctx.sleep(0.05)

    other = App(home=tmp_path)

    def ask() -> None:
        started.wait(20)
        job_id = running_job(tmp_path)
        getattr(other.queue, wish)(job_id)

    thread = threading.Thread(target=ask)
    thread.start()
    job_id, outcome = app.run("x.wait")
    thread.join(20)
    assert outcome.status == status
    assert app.store.jobs.get(job_id).status == status
