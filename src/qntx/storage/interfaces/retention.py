"""Deleting what has expired, a step at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from qntx.model.retention import RetentionReport, Rule


class OldRun(NamedTuple):
    """A run that is over and has lines; *ended_us* None: a log without an end."""

    run_key: int
    job_id: str
    status: str
    ended_us: int | None
    #: Levels of which it still has lines, by the counts.
    levels: frozenset[str]


class Step(NamedTuple):
    """What one step deleted: (lines, bytes) by level, and whether there is more of it."""

    found: dict[str, tuple[int, int]]
    more: bool

    @property
    def lines(self) -> int:
        """How many lines it deleted."""
        return sum(lines for lines, _ in self.found.values())


@dataclass
class HeldLock:
    """One write transaction: how much was done in it, and how long it took."""

    units: int = 0
    held_s: float = 0.0


class Space(NamedTuple):
    """Pages of the database: all, and those that hold nothing."""

    page_bytes: int
    pages: int
    free: int

    @property
    def mostly_free(self) -> bool:
        """Whether more than half of a file of some size holds nothing."""
        return self.free > 10_000 and 2 * self.free > self.pages


class Expiry(Protocol):  # budget: the steps of retention, listed in one place
    """What retention does with one database, apart from what its threads have open."""

    def old_runs(self, after_key: int, newest_us: int, limit: int) -> list[OldRun]:
        """Runs after *after_key* that may have lines to delete, in order, up to *limit*."""

    def due_levels(self, run_key: int, before: Mapping[str, int]) -> set[str]:
        """Of a log without an end: levels with lines older than *before* has it (UTC µs)."""

    def measure(self, run: OldRun, due: Mapping[str, Rule], before_us: int | None) -> Step:
        """What there is to delete of *run*: all lines of the levels in *due*."""

    def delete(
        self, run: OldRun, due: Mapping[str, Rule], before_us: int | None, limit: int, at_us: int
    ) -> Step:
        """
        Delete up to *limit* lines of *run* of the levels in *due*; inside :meth:`step`.

        *before_us*: only those said before. Whatever kills the process, the lines and what is
        remembered of them go together.
        """

    def old_jobs(self, before_us: int, limit: int) -> list[str]:
        """Jobs that ended before that, and have no lines; the oldest first."""

    def forget_jobs(self, job_ids: Iterable[str]) -> None:
        """Delete jobs with attempts, trees and executions; inside :meth:`step`."""

    def prepare(self) -> None:
        """Make steps cheap: what a dying machine takes back of them, the next run does again."""

    def step(self) -> AbstractContextManager[HeldLock]:
        """
        A write transaction, begun when nobody else waits to write.

        What it gives knows afterwards how long it kept others waiting.
        """

    def checkpoint(self) -> None:
        """Tidy up behind the steps, as far as readers allow; waits for none."""

    def space(self) -> Space:
        """The pages of the database."""

    def gives_back(self) -> bool:
        """Whether free pages can be given back to the disk step by step."""

    def give_back(self, pages: int) -> None:
        """Give up to *pages* free pages back; inside :meth:`step`."""

    def save(self, report: RetentionReport) -> None:
        """Remember a run of retention; the newest hundred are kept."""

    def last_report(self) -> RetentionReport | None:
        """The newest run of retention, if there was one."""
