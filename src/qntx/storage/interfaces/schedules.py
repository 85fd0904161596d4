"""Schedules, and what became of each firing of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from qntx.model.firing_policy import Downtime
    from qntx.model.schedule import Execution, Schedule


class Schedules(Protocol):  # budget: one method per question
    """The schedules of one database; writes belong into the caller's transaction."""

    def get(self, schedule_id: str) -> Schedule:
        """The schedule *schedule_id*, also a deleted one; raises NotFound."""

    def page(
        self, *, limit: int = 1_000, cursor: str | None = None, states: Sequence[str] = ()
    ) -> tuple[list[Schedule], str | None]:
        """Schedules, newest first, without deleted ones unless asked for; and the next cursor."""

    def due(self, now_us: int, limit: int) -> list[str]:
        """Ids of up to *limit* active schedules that are due, the longest due first."""

    def next_due_us(self) -> int | None:
        """When the next schedule is due (UTC microseconds); None: none is active."""

    def ahead(self, now_us: int) -> list[Schedule]:
        """Active schedules whose next nominal instant lies after *now_us*."""

    def declared(self) -> dict[str, Schedule]:
        """The schedules that are kept in code, by their key."""

    def insert(self, fields: dict[str, Any]) -> None:
        """
        Add a schedule; *fields* are columns with their values.

        Raises Conflict when the code has declared one of its key already.
        """

    def update(self, schedule_id: str, fields: dict[str, Any], now_us: int) -> None:
        """Change columns of a schedule."""

    def advance(self, schedule: Schedule, fields: dict[str, Any], now_us: int) -> bool:
        """Move *schedule* on, if nobody else has: compare and set on its next nominal instant."""

    def finish_stopping(self, now_us: int) -> list[str]:
        """Schedules that were stopping and whose last job is over become inactive; their ids."""

    def last_beat_us(self) -> int | None:
        """When a ticker was last at work."""

    def beat(self, now_us: int, *, begins: bool = False) -> Downtime | None:
        """
        A ticker is at work now; gives the last time in which none was.

        One that *begins* ends a downtime, however short: what another one did meanwhile is not
        late, and needs no reason.
        """


class Executions(Protocol):  # budget: one method per question
    """The executions of one database; writes belong into the caller's transaction."""

    def get(self, execution_id: str) -> Execution:
        """The execution *execution_id*; raises NotFound."""

    def page(
        self,
        schedule_id: str | None = None,
        *,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
        statuses: Sequence[str] = (),
    ) -> tuple[list[Execution], str | None]:
        """Executions (of one schedule, or all), newest first, and the cursor of the next page."""

    def total(self, schedule_id: str | None = None, statuses: Sequence[str] = ()) -> int:
        """How many executions there are."""

    def walk(self, schedule_id: str | None, statuses: Sequence[str] = ()) -> Iterator[Execution]:
        """Every execution, newest first, a page at a time."""

    def ended(self, schedule_id: str, limit: int) -> list[tuple[str, str, int | None]]:
        """The newest *limit* executions whose job is over: (completed_at, status, ms)."""

    def active(self, schedule_id: str) -> list[Execution]:
        """Executions of a schedule whose job is not over, oldest first."""

    def untold(self, limit: int, before_us: int) -> list[Execution]:
        """Executions made before *before_us* of which no line was said yet, oldest first."""

    def insert(self, execution: Execution) -> bool:
        """Add *execution*; False when there is one of its schedule and instant already."""

    def hold_job(self, job_id: str, behind: Sequence[str]) -> None:
        """Have a job that was just enqueued wait until those *behind* which it stands are over."""

    def replace_job(self, job_id: str, by: str, now_us: int) -> None:
        """Cancel an active job and what it enqueued: at once, or when their workers notice."""

    def mark_told(self, ids: Sequence[str]) -> None:
        """The lines of these executions are said."""

    def repair(self, now_us: int) -> list[str]:
        """End executions whose job is over, and let those run that wait for nothing; their ids."""
