"""How long lines are kept: which rule decides about a line, and when it expires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from qntx.model.log import LEVEL_NAMES

if TYPE_CHECKING:
    # Not imported: it takes longer than all that the indexer needs.
    from qntx.config import RetentionRule, RetentionSettings

DAY_US = 86_400_000_000


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is shown; *days* null: for ever."""

    rule: str
    days: float | None
    level: str | None
    status: str | None


class RuleCount(msgspec.Struct, frozen=True):
    """What one rule deletes."""

    rule: str
    jobs: int
    lines: int
    bytes: int


class RetentionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of retention deleted, or would delete; *bytes* are those of what was said."""

    jobs: int
    lines: int
    bytes: int
    by: list[RuleCount]
    #: Finished jobs whose own rows went (jobs_days).
    jobs_removed: int = 0
    #: Given back to the disk.
    freed_bytes: int = 0
    started_at: str | None = None
    duration_ms: int = 0
    #: False when it was stopped, or ran out of time: the next run goes on from there.
    finished: bool = True
    #: The longest time that other writers had to wait for one of its steps, milliseconds.
    longest_step_ms: float = 0.0


@dataclass(frozen=True)
class Rule:
    """One rule: lines up to a level, of jobs of a status, are kept for so many days."""

    days: float | None
    level: str | None
    status: str | None

    @property
    def name(self) -> str:
        """The rule in words: ``debug lines of failed jobs: 7 days``."""
        if self.level is None:
            what = "lines"
        elif self.level == LEVEL_NAMES[0]:
            what = f"{self.level} lines"
        else:
            what = f"lines up to {self.level}"
        whose = f" of {self.status} jobs" if self.status else ""
        days = "for ever" if self.days is None else f"{self.days:g} day" + "s" * (self.days != 1)
        return f"{what}{whose}: {days}"

    def fits(self, level: str, status: str) -> bool:
        """Whether it is about lines of *level* of jobs that ended with *status*."""
        if self.status is not None and self.status != status:
            return False
        return self.level is None or LEVEL_NAMES.index(level) <= LEVEL_NAMES.index(self.level)

    @property
    def view(self) -> RuleView:
        """The rule as it is shown."""
        return RuleView(rule=self.name, days=self.days, level=self.level, status=self.status)


class Rules:
    """All rules in their order: the first that fits a line decides about it."""

    def __init__(self, settings: RetentionSettings) -> None:
        self.all = [_rule(one) for one in settings.rules]
        self.all.append(Rule(None if settings.days == "forever" else settings.days, None, None))

    def of(self, level: str, status: str) -> Rule:
        """The rule for lines of *level* of jobs that ended with *status*."""
        return next(rule for rule in self.all if rule.fits(level, status))

    def due(self, status: str, ended_us: int, now_us: int) -> dict[str, Rule]:
        """The levels whose lines have expired, of a job that ended at *ended_us*."""
        return {
            level: rule
            for level in LEVEL_NAMES
            if (rule := self.of(level, status)).days is not None
            and ended_us + rule.days * DAY_US <= now_us
        }

    def shortest_us(self) -> int | None:
        """How old the youngest line can be that expires, microseconds; None: nothing expires."""
        days = [rule.days for rule in self.all if rule.days is not None]
        return round(min(days) * DAY_US) if days else None


def _rule(given: RetentionRule) -> Rule:
    days = None if given.days == "forever" else given.days
    return Rule(days, given.level, given.status)


def summed(found: Mapping[str, Sequence[int]], jobs: int, **more: Any) -> RetentionReport:
    """A report from (jobs, lines, bytes) by rule, and how many jobs there are in all."""
    by = [RuleCount(name, *counts) for name, counts in found.items() if counts[1]]
    return RetentionReport(
        jobs=jobs,
        lines=sum(one.lines for one in by),
        bytes=sum(one.bytes for one in by),
        by=by,
        **more,
    )
