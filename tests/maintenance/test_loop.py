"""Maintenance as qntx serve has it: by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qntx.app import App
from qntx.clock import iso, now_us
from qntx.maintenance.loop import MaintenanceLoop
from qntx.model.retention import DAY_US
from qntx.model.views import LogFilter
from qntx.recording.session import close_journals
from qntx.recording.system_log import SYSTEM_LOG
from qntx.storage.sqlite.connection import transaction
from tests.support.recorded_runs import Recorded, drain_all
from tests.support.waiting import wait_until

Record = Callable[..., Recorded]


def logs(app: App, job_id: str, **wanted: Any) -> list[Any]:
    return list(app.store.logs.page(job_id, LogFilter(**wanted)).logs)


def test_old_lines_go_by_themselves_and_growth_is_told(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})
    assert app.settings.retention.days == 90
    assert app.settings.storage.limit == 10_000_000_000
    app.handler("talks")(lambda ctx, payload: ctx.emit.info("said once"))
    old, _ = app.run("talks")
    with transaction(app.store.connection) as db:
        ago = iso(now_us() - 91 * DAY_US)
        db.execute("UPDATE job_attempts SET started_at = ?, ended_at = ?", (ago, ago))
        db.execute("UPDATE async_ix_jobs SET completed_at = ?", (ago,))
    app.settings.storage.limit = type(app.settings.storage.limit)(1_000)
    maintenance = MaintenanceLoop(app.settings)
    maintenance.start()  # as qntx serve does
    try:
        wait_until(lambda: not logs(app, old))
    finally:
        maintenance.stop()
        close_journals()
    page = app.store.logs.page(old, LogFilter())
    assert page.expired is not None
    assert (page.logs, page.expired.lines, page.expired.rule) == ([], 1, "lines: 90 days")
    assert page.receipt.text == "complete: 1 of 1"
    drain_all(app.settings.home)
    told = [line.message for line in logs(app, SYSTEM_LOG)]
    assert any("its limit is 1.0 kB" in message for message in told), told
