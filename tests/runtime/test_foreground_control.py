"""StopRequests and timeouts reach a run in the foreground, sync and async."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def app(tmp_path: Path) -> App:
    found = App(home=tmp_path / "home")

    @found.handler("asks", timeout_s=0.3)
    def asks(ctx: Any, payload: Any) -> None:
        for _ in range(3_000):
            ctx.sleep(0.01)

    @found.handler("awaits", timeout_s=0.3)
    async def awaits(ctx: Any, payload: Any) -> None:
        await asyncio.sleep(30)

    @found.handler("patient")
    async def patient(ctx: Any, payload: Any) -> None:
        print("here")
        await asyncio.sleep(30)

    return found


@pytest.mark.parametrize("handler", ["asks", "awaits"])
def test_a_timeout(app: App, handler: str) -> None:
    job_id, outcome = app.run(handler)
    assert (outcome.status, outcome.error_type) == ("failed", "timeout")
    assert app.store.jobs.get(job_id).error_type == "timeout"


def test_an_async_handler_is_cancelled(app: App) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(app.run("patient")))
    thread.start()
    job = wait_until(lambda: [j for j in app.store.jobs.page().jobs if j.status == "running"])[0]
    app.queue.cancel(job.id)
    thread.join(20)
    assert found[0][1].status == "cancelled"
    assert app.store.jobs.get(job.id).status == "cancelled"
