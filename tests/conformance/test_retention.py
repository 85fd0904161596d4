"""Retention: which lines go by which rule, and what stays to say that they were there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qntx.clock import iso, now_us
from qntx.config import RetentionSettings
from qntx.model.log import LEVEL_NAMES
from qntx.model.retention import DAY_US, RetentionReport, Rules
from qntx.model.views import LogFilter
from qntx.storage.interfaces import Expiry, Store
from qntx.storage.interfaces.retention import OldRun
from tests.support.log_rows import Said

from .firings import fire, schedule
from .queueing import claim, running
from .small_indexer import SmallIndexer

ALL = LogFilter()
#: Two lines of each level, of two stages.
SAID = [Said(b"x" * n, 10 * n, "s" if n % 2 else "t", "k") for n in (1, 2, 3, 4, 5) * 2]


@pytest.fixture
def expiry(store: Store) -> Iterator[Expiry]:
    with store.expiry() as opened:
        opened.prepare()
        yield opened


def rules(**given: Any) -> Rules:
    return Rules(RetentionSettings.model_validate(given))


def sweep(expiry: Expiry, these: Rules, days: float, limit: int = 1_000) -> dict[str, int]:
    """Delete what has expired when so many days have passed; how many lines by level."""
    later, found = now_us() + round(days * DAY_US), dict[str, int]()
    for run in old_runs(expiry, days):
        if run.ended_us is None:
            due = {level: these.of(level, "") for level in run.levels}
            before = later - round(90 * DAY_US)
        else:
            due, before = these.due(run.status, run.ended_us, later), None
        more = bool(due)
        while more:
            with expiry.step():
                step = expiry.delete(run, due, before, limit, later)
            assert step.lines <= limit
            for level, (lines, _) in step.found.items():
                found[level] = found.get(level, 0) + lines
            more = step.more
    return found


def old_runs(expiry: Expiry, days: float = 1) -> list[OldRun]:
    """Runs that began before that many days from now, a page at a time."""
    found: list[OldRun] = []
    while True:
        after = found[-1].run_key if found else -1
        page = expiry.old_runs(after, now_us() + round(days * DAY_US), 2)
        found += page
        if len(page) < 2:
            return found


def left(store: Store, job_id: str) -> dict[str, int]:
    """How many lines of each level there are."""
    found: dict[str, int] = {}
    for line, _ in store.logs.lines(job_id, ALL):
        found[line.level] = found.get(line.level, 0) + 1
    return found


def test_what_there_is_to_look_at(store: Store, indexer: SmallIndexer, expiry: Expiry) -> None:
    began = now_us()
    good = indexer.log(SAID)
    bad = running(store)
    indexer.lines(bad.id, [Said(b"", 20)])
    assert [run.job_id for run in old_runs(expiry)] == [good], "one that runs is not over"
    indexer.end(bad, "failed")
    indexer.log([])
    first, second = old_runs(expiry)
    assert (first.job_id, first.status, first.levels) == (good, "completed", {*LEVEL_NAMES})
    assert (second.job_id, second.status, second.levels) == (bad.id, "failed", {"info"})
    assert first.ended_us is not None
    assert began <= first.ended_us <= now_us()
    assert expiry.old_runs(first.run_key, now_us(), 9) == [second]
    assert expiry.old_runs(-1, began, 9) == [], "those that began before that"
    assert expiry.old_runs(-1, now_us(), 1) == [first]


@pytest.mark.parametrize("status", ["running", "queued", "paused"])
def test_a_job_that_is_not_over_keeps_its_lines(
    store: Store, indexer: SmallIndexer, expiry: Expiry, status: str
) -> None:
    job = running(store)
    indexer.lines(job.id, SAID)
    if status != "running":
        indexer.end(job, status)
    assert sweep(expiry, rules(), 400) == {}
    assert sum(left(store, job.id).values()) == 10


def test_the_first_rule_that_fits_decides(
    store: Store, indexer: SmallIndexer, expiry: Expiry
) -> None:
    good = indexer.log(SAID)
    bad = running(store)
    indexer.lines(bad.id, SAID)
    indexer.end(bad, "failed")
    these = rules(
        rules=[
            {"level": "debug", "days": 7},
            {"status": "failed", "days": 180},
            {"level": "warn", "days": 30},
        ]
    )
    every = dict.fromkeys(LEVEL_NAMES, 2)
    assert sweep(expiry, these, 6.9) == {}
    assert sweep(expiry, these, 8) == {"debug": 4}
    assert left(store, good) == left(store, bad.id) == {k: 2 for k in every if k != "debug"}
    assert sweep(expiry, these, 31) == {"info": 2, "warn": 2}
    assert left(store, good) == {"error": 2, "critical": 2}
    assert sweep(expiry, these, 91) == {"error": 2, "critical": 2}
    assert left(store, good) == {}
    assert sum(left(store, bad.id).values()) == 8
    expired = store.logs.page(good, ALL).expired
    assert expired is not None
    assert expired.rule == "debug lines: 7 days; lines up to warn: 30 days; lines: 90 days"
    assert expired.lines == 10
    assert expired.at > iso(now_us() + 90 * DAY_US)
    assert sweep(expiry, these, 181) == {k: 2 for k in every if k != "debug"}
    assert sweep(expiry, these, 9_999) == {}, "done is done"
    assert old_runs(expiry) == []


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_lines_go_and_what_was_said_is_still_known(
    store: Store, indexer: SmallIndexer, expiry: Expiry, limit: int
) -> None:
    job = indexer.log([*SAID, Said(b"y" * 100_000)])
    page, tree, shown = store.logs.page(job, ALL), store.logs.stages(job), store.jobs.get(job)
    assert page.expired is None
    attempts, totals = store.jobs.attempts(job), store.logs.totals()
    (run,) = old_runs(expiry)
    due = rules().due("completed", 0, now_us())
    measured = expiry.measure(run, due, None)
    assert {level: lines for level, (lines, _) in measured.found.items()} == {
        **dict.fromkeys(LEVEL_NAMES, 2),
        "info": 3,
    }
    assert measured.found["info"][1] >= 100_000
    assert measured.found["debug"][1] == 2
    assert store.logs.page(job, ALL) == page, "measuring deletes nothing"
    assert sum(sweep(expiry, rules(), 91, limit).values()) == 11
    after = store.logs.page(job, ALL)
    assert (after.total_count, after.logs, after.receipt) == (0, [], page.receipt)
    assert after.receipt.text == "complete: 11 of 11"
    assert after.counts == page.counts
    assert after.expired is not None
    assert (after.expired.lines, after.expired.rule) == (11, "lines: 90 days")
    assert store.logs.stages(job) == tree
    assert store.jobs.get(job) == shown
    assert store.jobs.attempts(job) == attempts
    assert store.logs.totals() == totals


def test_counts_of_pages_are_those_of_the_lines_that_are_left(
    store: Store, indexer: SmallIndexer, expiry: Expiry
) -> None:
    job = indexer.log(SAID)
    sweep(expiry, rules(rules=[{"level": "debug", "days": 7}]), 8)
    assert store.logs.page(job, ALL).total_count == 8
    debug = store.logs.page(job, LogFilter(levels=("debug",)))
    assert (debug.total_count, debug.counts.debug) == (0, 2)
    assert store.logs.page(job, LogFilter(stage="s")).total_count == 4
    task = store.logs.task("k", None, 1_000, None)
    assert (task.total_count, len(task.logs)) == (8, 8)
    assert store.logs.histogram(job, ALL, 3).total_count == 8


def test_a_step_that_fails_deletes_nothing(
    store: Store, indexer: SmallIndexer, expiry: Expiry
) -> None:
    job = indexer.log(SAID)
    (run,) = old_runs(expiry)

    def fail() -> None:
        assert expiry.delete(run, rules().due("completed", 0, now_us()), None, 99, 0).lines == 10
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), expiry.step():
        fail()
    page = store.logs.page(job, ALL)
    assert (len(page.logs), page.expired) == (10, None)


def test_numbers_are_never_used_again(store: Store, indexer: SmallIndexer, expiry: Expiry) -> None:
    job = running(store)
    indexer.lines(job.id, SAID)
    indexer.end(job, "failed")
    sweep(expiry, rules(), 91)
    indexer.lines(job.id, [Said(b"a late word")])
    (line,) = store.logs.page(job.id, ALL).logs
    assert (line.id, line.message) == (11, "a late word")
    assert store.logs.receipt(job.id).stored == 11


def test_a_log_without_an_end_expires_line_by_line(
    store: Store, indexer: SmallIndexer, expiry: Expiry
) -> None:
    now = now_us()
    schedule_id = schedule(store)
    indexer.lines(schedule_id, [line._replace(at_us=now) for line in SAID])
    indexer.lines(schedule_id, [Said(b"younger", at_us=now + 10 * DAY_US)])
    (run,) = old_runs(expiry)
    assert (run.job_id, run.ended_us) == (schedule_id, None)
    before = dict.fromkeys(("info", "warn"), now + 1)
    assert expiry.due_levels(run.run_key, before) == {"info", "warn"}
    assert expiry.due_levels(run.run_key, dict.fromkeys(before, now)) == set()
    assert sum(sweep(expiry, rules(), 91).values()) == 10
    assert [line.message for line, _ in store.logs.lines(schedule_id, ALL)] == ["younger"]


def test_jobs_are_forgotten_when_they_have_no_lines(
    store: Store, indexer: SmallIndexer, expiry: Expiry
) -> None:
    gone, kept = indexer.log(SAID), indexer.log(SAID)
    fired = fire(store, schedule(store), 0)
    claim(store)
    later = now_us() + DAY_US
    assert expiry.old_jobs(later, 9) == [], "they have lines, or are not over"
    run, _ = old_runs(expiry)
    with expiry.step():
        expiry.delete(run, rules().due("completed", 0, later), None, 99, later)
    assert expiry.old_jobs(later, 9) == [gone]
    assert expiry.old_jobs(0, 9) == []
    store.queue.cancel(fired)
    ((job, *_),) = store.queue.running()
    indexer.end(job, "cancelled")
    assert expiry.old_jobs(now_us() + DAY_US, 9) == [gone, fired]
    assert expiry.old_jobs(now_us() + DAY_US, 1) == [gone]
    with expiry.step():
        expiry.forget_jobs([gone, fired, "JB_never"])
    assert [job.id for job in store.jobs.page().jobs] == [kept]
    assert store.jobs.attempts(gone) == []
    assert store.executions.total() == 0
    assert sum(left(store, kept).values()) == 10
    assert store.logs.task("k", None, 99, None).total_count == 10


def test_reports_are_remembered(store: Store, expiry: Expiry) -> None:
    assert expiry.last_report() is None
    for lines in (1, 2):
        report = RetentionReport(
            jobs=1, lines=lines, bytes=3, by=[], started_at=iso(now_us()), duration_ms=4
        )
        expiry.save(report)
    assert expiry.last_report() == report


def test_search_knows_no_deleted_line(store: Store, indexer: SmallIndexer, expiry: Expiry) -> None:
    bad = running(store)
    indexer.lines(bad.id, [Said(b"the needle")])
    indexer.end(bad, "failed")
    indexer.log([Said(b"the needle")])
    sweep(expiry, rules(rules=[{"status": "failed", "days": "forever"}]), 91)
    found = store.search.page(LogFilter(text="needle")).logs
    assert [line.job_id for line in found] == [bad.id]
