"""An ingestion whose worker is killed in the middle of a stage goes on after the stage before."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from qntx.model.views import LogFilter
from tests.support.paths import EXAMPLES
from tests.support.waiting import wait_until
from tests.support.workers import Running


class Model(ThreadingHTTPServer):
    """A language model that says nothing for as long as the first asker lives, then is broken."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked = threading.Event()
        self.let_go = threading.Event()


class _Answer(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        first = not self.server.asked.is_set()
        self.server.asked.set()
        if first:
            self.server.let_go.wait(60)
            return
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing to the console."""


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.let_go.set()
        found.shutdown()
        thread.join(10)


def test_a_killed_ingestion_goes_on_after_its_last_finished_stage(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNTX_LLM__BASE_URL", f"http://127.0.0.1:{model.server_port}/v1")
    monkeypatch.setenv("QNTX_FILES__ROOTS", f'["{EXAMPLES}"]')
    running = Running(tmp_path / "home", 1)
    app = running.app
    text = next((EXAMPLES / "jobs").glob("*"))
    with app.indexing():
        running.supervisor.start()
        job_id = app.enqueue("role.jd-ingestion", {"jd_url": text.as_uri()})
        assert model.asked.wait(30)
        os.kill(int(str(running.supervisor.status()[0]["pid"])), signal.SIGKILL)
        failed: Any = running.final(job_id)
        assert (failed.status, failed.error) == ("failed", "worker_killed: SIGKILL")
        assert stages(app, job_id, 1) == ["read_jd", "extract_requirements"]
        app.queue.retry(job_id)
        done: Any = wait_until(
            lambda: app.store.jobs.get(job_id).status == "completed" and app.store.jobs.get(job_id)
        )
        running.supervisor.stop()
    assert done.attempt == 2
    assert stages(app, job_id, 2)[0] == "extract_requirements", "what was read is not read again"
    first = app.store.logs.page(job_id, LogFilter(attempt=2)).logs[0]
    assert first.message == "Going on from the last checkpoint"


def stages(app: Any, job_id: str, attempt: int) -> list[str]:
    """The stages of an attempt, without what was said outside of any."""
    found = app.store.logs.stages(job_id, attempt).stages
    return [stage.stage for stage in found if stage.stage]
