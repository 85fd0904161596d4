"""The housekeeping of a running server: retention once an hour, a look at sizes once a minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from qntx.clock import from_iso, iso, now_us
from qntx.config import Settings
from qntx.errors import Conflict, StoreUnavailable
from qntx.maintenance.retention import Retention
from qntx.maintenance.size_watch import Crossing, SizeWatch, human
from qntx.model.log import INFO, WARN
from qntx.model.retention import RetentionReport
from qntx.recording.system_log import log_system
from qntx.storage import open_store

LOG = logging.getLogger("qntx.maintenance")
MAINTENANCE_POLL_S = 60.0
HOUR_US = 3_600_000_000
#: The longest that one run of retention takes; the next one goes on from there.
RUN_LIMIT_S = 600.0

#: Gets what was crossed; may take seconds, and may fail.
Notify = Callable[[Crossing], None]


class MaintenanceLoop:
    """Keeps one data directory in order, in a thread of its own; several may, they take turns."""

    def __init__(self, settings: Settings, notify: Notify | None = None) -> None:
        self._settings = settings
        self._retention = Retention(settings)
        self._store = open_store(settings)
        self._watch = SizeWatch(settings, self._store, self._tell)
        self._notify = notify
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.next_us: int | None = None

    @property
    def next_run_at(self) -> str | None:
        """When retention runs next by itself; None: never."""
        return None if self.next_us is None else iso(self.next_us)

    def start(self) -> None:
        """Keep house from now on."""
        self._thread = threading.Thread(target=self.run, name="qntx-maintenance", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Stop; a run of retention ends with its current step."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def run(self) -> None:
        """Keep house until :meth:`stop`."""
        while not self._stopping.is_set():
            for chore in (self.look, self.expire):
                try:
                    chore()
                except StoreUnavailable as error:
                    LOG.warning("the store cannot be looked after, trying again: %s", error)
                except Exception:  # housekeeping outlives whatever it meets
                    LOG.exception("housekeeping failed, trying again in a minute")
            self._stopping.wait(MAINTENANCE_POLL_S)
        self._store.close()

    def look(self) -> None:
        """Measure what is stored, and say it when a limit was crossed."""
        self._watch.look()

    def expire(self) -> None:
        """Run retention when an hour has passed since the last run, whoever made it."""
        if self.next_us is None:
            last = self._retention.last()
            began = from_iso(last.started_at) if last and last.started_at else 0
            self.next_us = min(began, now_us()) + HOUR_US if began else now_us()
        if now_us() < self.next_us:
            return
        self.next_us = now_us() + HOUR_US
        try:
            report = self._retention.run(self._stopping, RUN_LIMIT_S)
        except Conflict:
            return  # another process is at it
        if report.lines or report.jobs_removed:
            by = {one.rule: one.lines for one in report.by}
            log_system(
                self._settings,
                INFO,
                sentence(report),
                lines=report.lines,
                jobs=report.jobs,
                freed_bytes=report.freed_bytes,
                by=by,
            )

    def _tell(self, crossing: Crossing) -> None:
        log_system(
            self._settings,
            WARN if crossing.over else INFO,
            crossing.message,
            event=crossing.event,
            database_bytes=crossing.storage.database_bytes,
            free_bytes=crossing.storage.free_bytes,
        )
        if self._notify is None:
            return
        try:
            self._notify(crossing)
        except Exception as error:  # noqa: BLE001 - the other end is not ours
            log_system(self._settings, WARN, f"the webhook was not reached: {error}")


def sentence(report: RetentionReport) -> str:
    """What a run of retention did, in words."""
    if report.lines:
        jobs = f"{report.jobs:,} job" + "s" * (report.jobs != 1)
        by = "; ".join(f"{one.rule}: {one.lines:,}" for one in report.by)
        text = f"retention deleted {report.lines:,} lines of {jobs} ({by})"
    else:
        text = "retention found no line to delete"
    if report.freed_bytes:
        text += f", {human(report.freed_bytes)} went back to the disk"
    if report.jobs_removed:
        text += f", {report.jobs_removed:,} jobs without lines were forgotten"
    return text if report.finished else text + "; there is more to delete"
