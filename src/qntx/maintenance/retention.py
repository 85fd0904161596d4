"""Deletes what is older than its rule allows, so gently that nobody who writes notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from qntx.clock import iso, monotonic_s, now_us
from qntx.config import Settings
from qntx.errors import Conflict
from qntx.maintenance.batch_size import AdaptiveBatchSize
from qntx.model.log import LEVEL_NAMES
from qntx.model.retention import DAY_US, RetentionReport, Rule, Rules, summed
from qntx.storage import open_store
from qntx.storage.interfaces.retention import Expiry, HeldLock, OldRun

#: Runs that are looked at together.
RUNS = 500
#: Pages (4 KiB each) that stay free in the file, for what comes next.
KEPT_PAGES = 1_000
JOBS = 100


@dataclass
class _Found:
    """What was found or deleted so far: (jobs, lines, bytes) by rule."""

    by: dict[str, list[int]] = field(default_factory=dict)
    jobs: set[str] = field(default_factory=set)
    _of_rule: set[tuple[str, str]] = field(default_factory=set)

    def add(
        self, run: OldRun, due: Mapping[str, Rule], found: Mapping[str, tuple[int, int]]
    ) -> None:
        """Count what was found of *run*."""
        for level, (lines, size) in found.items():
            name = due[level].name
            counts = self.by.setdefault(name, [0, 0, 0])
            counts[0] += (name, run.job_id) not in self._of_rule
            counts[1] += lines
            counts[2] += size
            self._of_rule.add((name, run.job_id))
            self.jobs.add(run.job_id)


class Retention:
    """The rules of one data directory, and their use."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = now_us) -> None:
        self._settings = settings
        self._store = open_store(settings)
        self.home = settings.home
        self.now_us = clock
        self.rules = Rules(settings.retention)

    def preview(self) -> RetentionReport:
        """What a run would delete now; reads only."""
        found = _Found()
        with self._store.expiry() as store:
            for run, due, before_us in self.due(store):
                found.add(run, due, store.measure(run, due, before_us).found)
        return summed(found.by, len(found.jobs))

    def last(self) -> RetentionReport | None:
        """What the last run deleted."""
        with self._store.expiry() as store:
            return store.last_report()

    def run(
        self, stopping: threading.Event | None = None, limit_s: float | None = None
    ) -> RetentionReport:
        """
        Delete what has expired, in steps that each hold the write lock for milliseconds.

        It ends early when *stopping* is set, or after *limit_s* seconds; the next run goes on from
        there. Raises Conflict while another process is at it, StoreUnavailable.
        """
        with self._alone(), self._store.expiry() as store:
            return _Run(self, store, stopping or threading.Event(), limit_s).whole()

    @property
    def jobs_days(self) -> float | None:
        """Days after which a job without lines is forgotten; None: never."""
        days = self._settings.retention.jobs_days
        return None if days == "forever" else days

    def due(self, store: Expiry) -> Iterator[tuple[OldRun, Mapping[str, Rule], int | None]]:
        """Runs with the levels that have expired, and for logs without an end: up to when."""
        at_us, shortest = self.now_us(), self.rules.shortest_us()
        after = -1
        while shortest is not None:
            runs = store.old_runs(after, at_us - shortest, RUNS)
            for run in runs:
                if run.ended_us is None:
                    yield from self._due_of_endless(store, run, at_us)
                    continue
                due = self.rules.due(run.status, run.ended_us, at_us)
                if len(due) < len(LEVEL_NAMES):  # else everything goes that there is
                    due = {level: rule for level, rule in due.items() if level in run.levels}
                if due:
                    yield run, due, None
            if len(runs) < RUNS:
                return
            after = runs[-1].run_key

    # -- inside --------------------------------------------------------------------------------

    def _due_of_endless(
        self, store: Expiry, run: OldRun, at_us: int
    ) -> Iterator[tuple[OldRun, Mapping[str, Rule], int | None]]:
        by_time: dict[int, dict[str, Rule]] = {}
        for level in LEVEL_NAMES:
            rule = self.rules.of(level, "")
            if rule.days is not None and level in run.levels:
                by_time.setdefault(at_us - round(rule.days * DAY_US), {})[level] = rule
        for before_us, rules in by_time.items():
            levels = store.due_levels(run.run_key, dict.fromkeys(rules, before_us))
            if levels:
                yield run, {level: rules[level] for level in levels}, before_us

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        leadership = self._store.leadership("retention")
        if not leadership.take():
            raise Conflict(
                f"retention is at work in {self.home} already - wait for it; qntx retention shows "
                "what it deleted"
            )
        try:
            yield
        finally:
            leadership.release()


class _Run:
    """One run: lines, then jobs, then space."""

    def __init__(
        self,
        retention: Retention,
        store: Expiry,
        stopping: threading.Event,
        limit_s: float | None,
    ) -> None:
        self._retention = retention
        self._store = store
        self._stopping = stopping
        self._began_us = retention.now_us()
        self._began_s = monotonic_s()
        self._until_s = self._began_s + limit_s if limit_s is not None else float("inf")
        self._longest_s = 0.0

    def whole(self) -> RetentionReport:
        """Do it, and say what was done."""
        found = _Found()
        self._store.prepare()
        free_before = self._store.space().pages
        finished = self._lines(found)
        removed, finished = self._jobs() if finished else (0, False)
        finished = self._space() and finished
        now = self._store.space()
        report = msgspec.structs.replace(
            summed(found.by, len(found.jobs)),
            jobs_removed=removed,
            freed_bytes=max(0, free_before - now.pages) * now.page_bytes,
            started_at=iso(self._began_us),
            duration_ms=round((monotonic_s() - self._began_s) * 1000),
            finished=finished,
            longest_step_ms=round(self._longest_s * 1000, 1),
        )
        self._store.save(report)
        return report

    def _over(self) -> bool:
        return self._stopping.is_set() or monotonic_s() > self._until_s

    def _lines(self, found: _Found) -> bool:
        """Delete lines; whether there are none left to delete."""
        batch = AdaptiveBatchSize(500)
        for run, due, before_us in self._retention.due(self._store):
            more = True
            while more:
                if self._over():
                    return False
                with self._step(batch) as done:
                    step = self._store.delete(run, due, before_us, batch.size, self._began_us)
                    done.units = step.lines
                found.add(run, due, step.found)
                more = step.more
        return True

    def _jobs(self) -> tuple[int, bool]:
        """Forget old jobs that have no lines; how many, and whether all."""
        days = self._retention.jobs_days
        removed, batch = 0, AdaptiveBatchSize(JOBS, most=2_000)
        while days is not None:
            ids = self._store.old_jobs(self._began_us - round(days * DAY_US), batch.size)
            if not ids:
                break
            if self._over():
                return removed, False
            with self._step(batch) as done:
                self._store.forget_jobs(ids)
                done.units = len(ids)
            removed += len(ids)
        return removed, True

    def _space(self) -> bool:
        """Give free pages back to the disk; whether all were."""
        self._store.checkpoint()
        batch = AdaptiveBatchSize(100, most=5_000)
        while self._store.gives_back() and (spare := self._store.space().free - KEPT_PAGES) > 0:
            if self._over():
                return False
            pages = min(batch.size, spare)
            with self._step(batch) as done:
                self._store.give_back(pages)
                done.units = pages
        self._store.checkpoint()
        return True

    @contextmanager
    def _step(self, batch: AdaptiveBatchSize) -> Iterator[HeldLock]:
        """One write transaction, whose work says how much it did; whoever waits comes first."""
        with self._store.step() as done:
            yield done
        batch.took(done.held_s, done.units)
        self._longest_s = max(self._longest_s, done.held_s)
