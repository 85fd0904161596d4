"""What is deleted when, and what stays."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from qntx.app import App
from qntx.config import load
from qntx.errors import BadInput, Conflict
from qntx.maintenance.retention import Retention
from qntx.model.views import LogFilter
from tests.support.aged_jobs import later, make_app
from tests.support.data_directory import tables, value


@pytest.fixture
def app(tmp_path: Path) -> App:
    return make_app(tmp_path / "home")


def levels_of(app: App, job: str) -> dict[str, int]:
    """How many lines of each level there are."""
    found: dict[str, int] = {}
    for line, _ in app.store.logs.lines(job, LogFilter()):
        found[line.level] = found.get(line.level, 0) + 1
    return found


def by(report: Any) -> dict[str, tuple[int, int]]:
    """(jobs, lines) by rule."""
    return {one.rule: (one.jobs, one.lines) for one in report.by}


def test_nothing_expires_before_its_time(app: App) -> None:
    job, _ = app.run("levels", {})
    before = levels_of(app, job)
    assert by(later(app, 89.9).run()) == {}
    assert levels_of(app, job) == before
    assert app.store.logs.page(job, LogFilter()).expired is None


def test_lines_go_and_what_was_said_is_still_known(app: App) -> None:
    job, _ = app.run("levels", {"body": True})
    page = app.store.logs.page(job, LogFilter())
    kept = tables(app.settings.home, "async_ix_jobs", "job_attempts", "log_contexts")
    tree, shown = app.store.logs.stages(job), app.store.jobs.get(job)
    preview = later(app, 90.1).preview()
    assert tables(app.settings.home, "log_lines")["log_lines"], "a preview deletes nothing"
    report = later(app, 90.1).run()
    assert (preview.jobs, preview.lines, preview.bytes) == (report.jobs, report.lines, report.bytes)
    assert by(report) == {"lines: 90 days": (1, page.total_count)}
    assert report.bytes > 200_000
    gone = tables(app.settings.home, "log_lines", "log_bodies")
    assert gone == {"log_lines": [], "log_bodies": []}
    # The indexed mark of search may move; everything else is as it was.
    now = tables(app.settings.home, "async_ix_jobs", "job_attempts", "log_contexts")
    assert now["async_ix_jobs"] == kept["async_ix_jobs"]
    assert now["log_contexts"] == kept["log_contexts"]
    assert app.store.logs.stages(job) == tree
    assert app.store.jobs.get(job) == shown
    after = app.store.logs.page(job, LogFilter())
    assert (after.total_count, after.logs) == (0, [])
    assert after.receipt == page.receipt
    assert after.receipt.text == f"complete: {page.total_count} of {page.total_count}"
    assert after.counts == page.counts
    assert after.expired is not None
    assert (after.expired.lines, after.expired.rule) == (page.total_count, "lines: 90 days")
    assert by(later(app, 90.1).run()) == {}, "done is done"


def test_the_first_rule_that_fits_decides(app: App) -> None:
    good, _ = app.run("levels", {})
    bad, _ = app.run("levels", {"fail": True})
    rules = [
        {"level": "debug", "days": 7},
        {"status": "failed", "days": 180},
        {"level": "warn", "days": 30},
    ]
    before_good, before_bad = levels_of(app, good), levels_of(app, bad)
    report = later(app, 8, rules=rules).run()
    assert by(report) == {"debug lines: 7 days": (2, 20)}
    assert levels_of(app, good) == {k: n for k, n in before_good.items() if k != "debug"}
    assert later(app, 31, rules=rules).run().jobs == 1
    assert levels_of(app, good) == {k: before_good[k] for k in ("error", "critical")}
    later(app, 91, rules=rules).run()
    assert levels_of(app, good) == {}
    assert levels_of(app, bad) == {k: n for k, n in before_bad.items() if k != "debug"}
    page = app.store.logs.page(good, LogFilter())
    assert page.expired is not None
    assert page.expired.rule == "debug lines: 7 days; lines up to warn: 30 days; lines: 90 days"
    assert page.expired.lines == sum(before_good.values())
    later(app, 181, rules=rules).run()
    assert levels_of(app, bad) == {}


def test_counts_of_a_page_are_those_of_the_lines_that_are_left(app: App) -> None:
    job, _ = app.run("levels", {})
    later(app, 8, rules=[{"level": "debug", "days": 7}]).run()
    left = sum(levels_of(app, job).values())
    assert app.store.logs.page(job, LogFilter()).total_count == left
    debug = app.store.logs.page(job, LogFilter(levels=("debug",)))
    assert (debug.total_count, debug.counts.debug) == (0, 10)
    task = app.store.logs.task("task 1", None, 1_000, None)
    assert task.total_count == len(task.logs) > 0


def test_numbers_are_never_used_again(app: App) -> None:
    job, _ = app.run("levels", {})
    last = max(line.id for line, _ in app.store.logs.lines(job, LogFilter()))
    later(app, 91).run()
    with app.indexing():
        other, _ = app.run("levels", {})
    numbers = [line.id for line, _ in app.store.logs.lines(other, LogFilter())]
    assert numbers == list(range(1, last + 1))
    assert value(app.settings.home, "SELECT stored FROM job_attempts ORDER BY run_key") == last


@pytest.mark.parametrize("status", ["running", "queued", "paused"])
def test_a_job_that_is_not_over_keeps_its_lines(app: App, status: str) -> None:
    job, _ = app.run("levels", {})
    app.store.connection.execute("UPDATE async_ix_jobs SET status = ?", (status,))
    if status == "running":
        app.store.connection.execute("UPDATE job_attempts SET ended_at = NULL, status = 'running'")
    assert by(later(app, 400).run()) == {}
    assert levels_of(app, job)


def test_a_log_without_an_end_expires_line_by_line(app: App) -> None:
    schedule = "SP_1"
    app.run("levels", {})
    db = app.store.connection
    db.execute("UPDATE job_attempts SET job_id = 'SP_1', status = 'queued', ended_at = NULL")
    db.execute("DELETE FROM async_ix_jobs")
    db.execute("UPDATE log_lines SET ts = ts + 86400000000 * 10 WHERE (id & 4294967295) > 20")
    total = sum(levels_of(app, schedule).values())
    report = later(app, 91).run()
    assert by(report) == {"lines: 90 days": (1, 20)}
    assert min(line.id for line, _ in app.store.logs.lines(schedule, LogFilter())) == 21
    assert by(later(app, 101).run()) == {"lines: 90 days": (1, total - 20)}


def test_jobs_are_forgotten_only_when_asked_to(app: App) -> None:
    old, _ = app.run("levels", {})
    later(app, 4_000).run()
    assert app.store.jobs.status(old) == "completed"
    # Its lines are kept longer than the job may be: the job waits for them.
    kept, _ = app.run("levels", {"fail": True})
    rules = [{"status": "failed", "days": "forever"}]
    report = later(app, 4_000, rules=rules, jobs_days=365).run()
    assert report.jobs_removed == 1
    assert app.store.jobs.status(old) is None
    assert app.store.jobs.status(kept) == "failed"
    assert levels_of(app, kept)
    home = app.settings.home
    assert value(home, "SELECT count(*) FROM job_attempts") == 1
    of_gone = "WHERE run_key NOT IN (SELECT run_key FROM job_attempts)"
    assert value(home, f"SELECT count(*) FROM log_contexts {of_gone}") == 0
    assert value(home, f"SELECT count(*) FROM log_expiry {of_gone}") == 0


def test_for_ever(app: App) -> None:
    job, _ = app.run("levels", {})
    assert by(later(app, 30_000, days="forever").run()) == {}
    assert levels_of(app, job)


def test_it_stops_when_told_and_goes_on_later(app: App) -> None:
    app.run("levels", {})
    stopping = threading.Event()
    stopping.set()
    stopped = later(app, 91).run(stopping)
    assert (stopped.lines, stopped.finished) == (0, False)
    assert later(app, 91).run(limit_s=0).finished is False
    assert later(app, 91).run(limit_s=60).finished is True


def test_two_at_once(app: App) -> None:
    app.run("levels", {})
    retention = later(app, 91)
    with retention._alone(), pytest.raises(Conflict, match="at work"):
        retention.run()
    assert retention.last() is None
    report = retention.run()
    assert retention.last() == report


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"days": 0}, "retention.days.*0 is not a valid number of days"),
        ({"days": "soon"}, "retention.days.*'soon' is not a valid number of days"),
        ({"days": float("nan")}, "retention.days"),
        ({"rules": [{"level": "debug"}]}, "retention.rules.0.days"),
        ({"rules": [{"levle": "debug", "days": 1}]}, "retention.rules.0.levle"),
        ({"rules": [{"level": "loud", "days": 1}]}, "retention.rules.0.level.*'debug', 'info'"),
        ({"rules": [{"status": "running", "days": 1}]}, "retention.rules.0.status"),
        ({"day": 1}, "retention.day"),
    ],
)
def test_rules_that_cannot_be(tmp_path: Path, given: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        load(home=tmp_path, retention=given)


def test_rules_come_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "qntx.toml").write_text(
        '[retention]\ndays = 60\nrules = [{level = "debug", days = 7}]\n'
        '[storage]\nlimit = "500MB"\n'
    )
    monkeypatch.chdir(tmp_path)
    settings = load(home=tmp_path)
    names = [rule.name for rule in Retention(settings).rules.all]
    assert names == ["debug lines: 7 days", "lines: 60 days"]
    assert settings.storage.limit == 500_000_000


def test_search_knows_no_deleted_line(app: App) -> None:
    home = app.settings.home
    with app.indexing():
        gone, _ = app.run("levels", {"each": 600})
        kept, _ = app.run("levels", {"each": 600, "fail": True})
    rules = [{"status": "failed", "days": "forever"}]
    later(app, 91, rules=rules).run()
    wanted = LogFilter(text="599 at 40")
    assert app.store.logs.page(gone, wanted).logs == []
    assert [line.message for line in app.store.logs.page(kept, wanted).logs] == ["599 at 40"]
    of_gone = "(SELECT run_key FROM job_attempts WHERE job_id = '" + gone + "')"
    segments = f"SELECT count(*) FROM search_segments WHERE first_id >> 32 = {of_gone}"
    assert value(home, segments) == 0
