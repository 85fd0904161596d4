"""The ticker: sleeps until something is due, fires it, and says what it did."""

from __future__ import annotations

import contextlib
import logging
import threading

from qntx.clock import iso
from qntx.config import Settings
from qntx.errors import QntxError, StoreUnavailable
from qntx.model.cron import MICRO
from qntx.model.log import INFO, WARN
from qntx.model.schedule import Execution, Schedule, first_run, kept_timing
from qntx.recording.session import journal_of
from qntx.recording.system_log import ScheduleLog
from qntx.runtime.requests import MakesRequests
from qntx.scheduler.clock import TickerClock, WallClock
from qntx.scheduler.firing import Firing
from qntx.storage import open_store

LOG = logging.getLogger("qntx.scheduler")
WAKER = "ticker"
#: How many schedules are fired in one transaction: it holds up other writers for milliseconds.
SCHEDULES_PER_ROUND = 100
#: The longest sleep: after it the tables are read again, whatever a wakeup missed.
LONGEST_US = 60 * MICRO
RETRY_US = MICRO
#: An execution without a line for this long belongs to a ticker that was killed.
UNTOLD_US = 5 * MICRO
#: The clock went back if the last beat lies further ahead than this.
BACK_US = 60 * MICRO


class Ticker:
    """
    Fires the schedules of one database; as many as there are may work on it at once.

    What keeps two from firing one instant is the store's UNIQUE constraint, nothing here.
    """

    def __init__(
        self, settings: Settings, request: MakesRequests, clock: TickerClock | None = None
    ) -> None:
        self._settings = settings
        self._store = open_store(settings)
        self._firing = Firing(self._store, request)
        self._clock = clock or WallClock()
        self._wakeup = self._store.wakeup(WAKER)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._maintained_us: int | None = None
        self.fired = 0

    def start(self) -> None:
        """Tick in a thread of its own from now on."""
        self._thread = threading.Thread(target=self.run, name="qntx-ticker", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Fire no more; returns when the thread has ended."""
        self._stopping.set()
        self._wakeup.notify()
        if self._thread is not None:
            self._thread.join(wait_s)

    def run(self) -> None:
        """Tick until :meth:`stop`."""
        self._settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._wakeup.listen()
        while not self._stopping.is_set():
            try:
                until_us = self.tick()
            except StoreUnavailable as error:
                # Locked, full or being replaced: nothing is lost, what is due stays due.
                LOG.warning("schedules cannot be read, trying again in 1 s: %s", error)
                until_us = self._clock.now_us() + RETRY_US
            except Exception:  # the ticker outlives whatever it meets
                LOG.exception("the ticker failed, trying again in 1 s")
                until_us = self._clock.now_us() + RETRY_US
            if not self._stopping.is_set():
                self._clock.wait(self._wakeup, until_us)
        with contextlib.suppress(StoreUnavailable), self._store.transaction():
            self._firing.schedules.beat(self._clock.now_us())  # from here on nobody is at work
        self._store.close()

    def tick(self) -> int:
        """Do all that is due now; returns when to look again (UTC microseconds)."""
        now_us = self._clock.now_us()
        schedules = self._firing.schedules
        beat_us = schedules.last_beat_us()
        went_back = beat_us is not None and beat_us - now_us > BACK_US
        if self._maintained_us is None or went_back or self._maintained_us + LONGEST_US <= now_us:
            self._maintain(now_us, replan=self._maintained_us is None or went_back)
        while not self._stopping.is_set():
            ids = schedules.due(self._clock.now_us(), SCHEDULES_PER_ROUND)
            if not ids:
                break
            self._fire(ids)
        next_us = schedules.next_due_us()
        latest_us = self._clock.now_us() + LONGEST_US
        return latest_us if next_us is None else min(next_us, latest_us)

    def _fire(self, ids: list[str]) -> None:
        now_us = self._clock.now_us()
        try:
            made = self._firing.fire_due(ids, now_us)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(ids) > 1:  # one of them is at fault: the others need not suffer
                for schedule_id in ids:
                    self._fire([schedule_id])
                return
            LOG.exception("schedule %s cannot be fired", ids[0])
            made = self._firing.give_up(ids[0], f"{type(error).__name__}: {error}", now_us)
        self.fired += sum(execution.async_job_id is not None for execution in made)
        self._record(made)
        self._store.notify_jobs()

    def _record(self, made: list[Execution]) -> None:
        if made:
            self._schedule_log.record(made)
            with self._store.transaction():
                self._firing.executions.mark_told([execution.id for execution in made])

    @property
    def _schedule_log(self) -> ScheduleLog:
        return ScheduleLog(journal_of(self._settings.home, self._settings.capture))

    # -- once a minute, and at the start ---------------------------------------------------------

    def _maintain(self, now_us: int, *, replan: bool) -> None:
        """Repair what a kill left behind; with *replan*, look at every next instant again."""
        begins = self._maintained_us is None
        self._maintained_us = now_us
        executions, schedules = self._firing.executions, self._firing.schedules
        with self._store.transaction():
            repaired = executions.repair(now_us)
            stopped = schedules.finish_stopping(now_us)
            schedules.beat(now_us, begins=begins)
        if repaired:
            self._store.notify_jobs()
        for execution_id in repaired:
            execution = executions.get(execution_id)
            what = f"repaired {execution_id}: {execution.status}, like job {execution.async_job_id}"
            self._schedule_log.write(
                execution.scheduled_job_id, WARN, what, execution_id=execution_id
            )
        for schedule_id in stopped:
            self._schedule_log.write(schedule_id, INFO, "stopped: its last job is over")
        while untold := executions.untold(SCHEDULES_PER_ROUND, now_us - UNTOLD_US):
            self._record(untold)
        if replan:
            for schedule in schedules.ahead(now_us):
                self._replan(schedule, now_us)

    def _replan(self, schedule: Schedule, now_us: int) -> None:
        """Correct a next instant that the clock or the time zone's rules have overtaken."""
        try:
            nominal_at, run_at = first_run(schedule.id, kept_timing(schedule), now_us)
        except QntxError as error:
            fields = {"state": "paused", "state_reason": f"paused by the scheduler: {error}"}
            with self._store.transaction():
                self._firing.schedules.advance(schedule, fields, now_us)
            self._schedule_log.write(schedule.id, WARN, f"paused: {error}")
            return
        if nominal_at is None or nominal_at == schedule.next_nominal_at:
            return
        planned = {"next_nominal_at": nominal_at, "next_run_at": run_at}
        with self._store.transaction():
            if not self._firing.schedules.advance(schedule, planned, now_us):
                return
        self._schedule_log.write(
            schedule.id,
            WARN,
            f"planned anew for {nominal_at} instead of {schedule.next_nominal_at}: "
            f"at {iso(now_us)} the clock or the time zone's rules differ",
        )
