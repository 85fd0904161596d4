"""What qntx itself reports, as lines in the log of a job, of a schedule, or of the system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from qntx.config import Settings
from qntx.journal.writer import Journal
from qntx.model.log import ERROR, INFO, WARN
from qntx.model.schedule import Execution
from qntx.recording.lines import append_line_to
from qntx.recording.session import journal_of

#: Read it like the log of a job: ``qntx logs SYSTEM``.
SYSTEM_LOG = "SYSTEM"
#: By cause: what happened to the schedule, and how the job came about; the rest goes by the clock.
_BY_HAND = {
    "force": ("triggered by hand", "triggered by hand from"),
    "rerun": ("run again from its history", "run again from the history of"),
}


class LogNote(NamedTuple):
    """A line about a decision: its level, its source, its text, its metadata."""

    level: int
    source: str
    text: str
    metadata: dict[str, Any] | None = None


def log_system(settings: Settings, level: int, message: str, **metadata: Any) -> None:
    """One line in the system's log."""
    journal = journal_of(settings.home, settings.capture)
    append_line_to(journal, SYSTEM_LOG, level, "system", message, metadata)


class ScheduleLog:
    """Writes the scheduler's lines; a log is that of a schedule (SP_…) or of a job (JB_…)."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def write(self, log: str, level: int, message: str, **metadata: Any) -> None:
        """One line in the log of a schedule or of a job's first attempt."""
        append_line_to(self._journal, log, level, "scheduler", message, metadata)

    def record(self, executions: Iterable[Execution]) -> None:
        """Log what became of *executions*: each a line, a row of missed ones together."""
        for _, group in groupby(executions, key=_together):
            rows = list(group)
            if rows[0].status == "missed":
                self._missed(rows)
            else:
                self._one(rows[0])

    def _missed(self, rows: Sequence[Execution]) -> None:
        first, last = rows[0], rows[-1]
        what = str(first.nominal_at)
        if len(rows) > 1:
            what = f"{len(rows)} instants from {what} to {last.nominal_at}"
        self.write(
            first.scheduled_job_id,
            WARN,
            f"missed {what}: {first.reason}",
            missed=len(rows),
            first=first.nominal_at,
            last=last.nominal_at,
            execution_ids=[row.id for row in rows],
        )

    def _one(self, row: Execution) -> None:
        more = {"execution_id": row.id, "nominal_at": row.nominal_at, "job_id": row.async_job_id}
        if row.async_job_id is None:
            level = ERROR if row.status == "failed" else WARN
            text = f"{row.status} for {row.nominal_at}: {row.reason} ({row.id})"
            self.write(row.scheduled_job_id, level, text, **more)
            return
        late = ", late" if row.cause == "catch_up" else ""
        when = "" if row.cause in _BY_HAND else f" for {row.nominal_at}{late}"
        fired, came = _BY_HAND.get(row.cause, ("fired", "fired by"))
        why = f" - {row.reason}" if row.reason else ""
        job, schedule = row.async_job_id, row.scheduled_job_id
        self.write(schedule, INFO, f"{fired}{when}: job {job} ({row.id}){why}", **more)
        self.write(
            job,
            INFO,
            f"{came} schedule {schedule}{when} ({row.id}){why}",
            execution_id=row.id,
            nominal_at=row.nominal_at,
            schedule_id=schedule,
        )


def _together(row: Execution) -> tuple[str, ...]:
    if row.status == "missed":
        return (row.scheduled_job_id, "missed", str(row.reason))
    return (row.id,)
