"""Clocks that tests move, an application with a few handlers, and jobs brought to an end."""

from __future__ import annotations

import select
import time
from pathlib import Path
from typing import Any

import msgspec

from qntx.app import App
from qntx.clock import iso, now_us
from qntx.config import CaptureSettings
from qntx.journal.wakeup import Wakeup
from qntx.model.schedule import Execution, NewSchedule, Schedule
from qntx.model.views import Line, LogFilter
from qntx.scheduler.service import ScheduleService
from qntx.scheduler.ticker import Ticker
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.executions import ExecutionStore

MICRO = 1_000_000
MINUTE = 60 * MICRO
HOUR = 60 * MINUTE


class Said(msgspec.Struct):
    """What the handler `said` takes."""

    text: str = "hello"
    since: str | None = None


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at_us: int | None = None) -> None:
        self.at_us = now_us() if at_us is None else at_us

    def now_us(self) -> int:
        return self.at_us

    def wait(self, wakeup: Wakeup, until_us: int) -> None:
        raise AssertionError("a test that moves the clock does not wait for it")


class FastClock:
    """A clock that runs *factor* times as fast as the machine's, the same in every process."""

    def __init__(self, real_us: int, simulated_us: int, factor: float) -> None:
        self.real_us, self.simulated_us, self.factor = real_us, simulated_us, factor

    def now_us(self) -> int:
        passed = time.time_ns() // 1000 - self.real_us
        return self.simulated_us + int(passed * self.factor)

    def wait(self, wakeup: Wakeup, until_us: int) -> None:
        pause_s = max(0.0, (until_us - self.now_us()) / 1e6 / self.factor)
        select.select(wakeup.descriptors, [], [], pause_s)
        wakeup.clear()


class Bench:
    """An application, its schedules, and a ticker by a clock that the test moves."""

    def __init__(self, home: Path) -> None:
        self.app = make_app(home)
        self.clock = ManualClock()
        self.service = service_for(self.app)
        self.ticker = self.another_ticker()

    def another_ticker(self) -> Ticker:
        return Ticker(self.app.settings, self.app.request, self.clock)

    def create(self, **fields: Any) -> Schedule:
        fields.setdefault("handler_name", "said")
        fields.setdefault("payload", {})
        made, _ = self.service.create(NewSchedule(**fields), by="a test")
        self.catch_up_with_the_wall()
        return made

    def catch_up_with_the_wall(self) -> None:
        """What was created by the machine's clock (by the API) is due now at the earliest."""
        self.clock.at_us = max(self.clock.at_us, now_us())

    def tick(self, later_us: int = 0) -> int:
        """Let time pass, then tick once; gives when the ticker wants to look again."""
        self.clock.at_us += later_us
        return self.ticker.tick()

    def tick_every(self, step_us: int, times: int) -> None:
        for _ in range(times):
            self.tick(step_us)

    def executions(self, schedule: Schedule, *statuses: str) -> list[Execution]:
        """Oldest first."""
        found, _ = self.service.executions.page(schedule.id, limit=1000, statuses=statuses)
        return found[::-1]

    def statuses(self, schedule: Schedule) -> list[str]:
        return [execution.status for execution in self.executions(schedule)]

    def get(self, schedule: Schedule) -> Schedule:
        return self.service.kept.get(schedule.id)

    def start(self, job_id: str) -> None:
        """A worker takes the job."""
        with transaction(self.app.store.connection) as db:
            db.execute(
                "UPDATE async_ix_jobs SET status = 'running', attempt = 1, started_at = ?1,"
                " updated_at = ?1 WHERE id = ?2 AND status = 'queued'",
                (iso(self.clock.at_us), job_id),
            )
            assert db.changes() == 1

    def end(self, job_id: str, status: str = "completed", error: str | None = None) -> None:
        """The job's run ends; the statement is that of the indexer."""
        with transaction(self.app.store.connection) as db:
            db.execute(
                "UPDATE async_ix_jobs SET status = ?1, completed_at = ?2, updated_at = ?2,"
                " error = ?3, result = '{\"n\":1}' WHERE id = ?4",
                (status, iso(self.clock.at_us), error, job_id),
            )

    def said(self, log: str) -> list[Line]:
        """The lines of a schedule or a job, once the indexer has them."""
        with self.app.indexing():
            pass  # it drains what is there before it ends
        return self.app.store.logs.page(log, LogFilter()).logs


def make_app(home: Path) -> App:
    app = App(home=home, capture=CaptureSettings(descriptors=False))

    @app.handler("said")
    def said(ctx: Any, payload: Said) -> dict[str, str]:
        print(payload.text)
        return {"said": payload.text}

    @app.handler("fails")
    def fails(ctx: Any, payload: Any) -> None:
        raise ValueError("as it must")

    return app


def service_for(app: App) -> ScheduleService:
    return ScheduleService(app.settings, app.store, app.request, app.registry)


def executions_of(app: App) -> ExecutionStore:
    return app.store.executions
