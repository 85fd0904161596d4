"""Retention of much, while others write and read, and when it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from qntx.app import App
from qntx.maintenance.batch_size import AdaptiveBatchSize
from qntx.maintenance.retention import Retention
from qntx.model.views import LogFilter
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.space import compact, gives_back, space
from tests.support.aged_jobs import later, make_app
from tests.support.data_directory import value

MESSAGE = "a line of an old job, of about the length that lines have, number {} of it"


def fill(app: App, runs: int, lines: int) -> list[str]:
    """Old jobs with that many lines each, all like one that really ran."""
    job, _ = app.run("levels", {"each": 1})
    db = app.store.connection
    attempt = "job_id, attempt, status, started_at, ended_at, accepted, stored, info_count"
    columns = "source, status, handler_name, created_at, updated_at, completed_at"
    jobs = []
    for number in range(runs):
        with transaction(db):
            jobs.append(f"JB_old{number}")
            db.execute(
                f"INSERT INTO async_ix_jobs(id, {columns}) SELECT ?, {columns}"
                " FROM async_ix_jobs WHERE id = ?",
                (jobs[-1], job),
            )
            db.execute(
                f"INSERT INTO job_attempts({attempt}) SELECT ?, 1, status, started_at,"
                " ended_at, ?, ?, ? FROM job_attempts WHERE job_id = ?",
                (jobs[-1], lines, lines, lines, job),
            )
            key = db.last_insert_rowid()
            db.execute(
                "INSERT INTO log_contexts(run_key, line_count, info_count) VALUES(?, ?, ?)",
                (key, lines, lines),
            )
            context = db.last_insert_rowid()
            db.executemany(
                "INSERT INTO log_lines VALUES(?, ?, 1, 0, 20, 0, ?, NULL)",
                ((key << 32 | seq, context, MESSAGE.format(seq)) for seq in range(1, lines + 1)),
            )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return jobs


class Writer(threading.Thread):
    """Writes a row all the time, and notes how long it waited for the lock."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home
        self.waits: list[float] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        with closing(open_database(self.home / "qntx.db")) as db:
            while not self.stopping.wait(0.002):
                began = time.monotonic()
                with transaction(db):
                    self.waits.append(time.monotonic() - began)
                    db.execute("INSERT OR REPLACE INTO maintenance_state VALUES('t', '', '')")


@pytest.mark.slow
def test_no_step_keeps_a_writer_waiting(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home")
    fill(app, 6, 8_000)
    writer = Writer(app.settings.home)
    writer.start()
    report = later(app, 91).run()
    writer.stopping.set()
    writer.join()
    assert report.lines == 48_005
    # It got its turn again and again; how long each step takes is measured by the benchmark.
    assert len(writer.waits) >= 4


def test_steps_fit_the_time_that_they_take() -> None:
    pace = AdaptiveBatchSize(500)
    for _ in range(30):
        pace.took(pace.size * 1e-6, pace.size)  # a microsecond each
    assert 5_000 < pace.size <= 8_000
    pace.took(0.2, pace.size)  # the disk became slow
    assert pace.size < 800
    for _ in range(30):
        pace.took(pace.size * 0.1, pace.size)
    assert pace.size == 1
    pace.took(0.001, 0)  # a rest of nothing says nothing
    assert pace.size == 1
    assert pace.longest_s >= 0.2


def test_space_comes_back(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home")
    fill(app, 4, 25_000)
    path = app.settings.database
    before = path.stat().st_size
    app.store.close()
    report = later(app, 91).run()
    after = path.stat().st_size
    assert before > 9_000_000
    assert after < 0.5 * before
    assert report.freed_bytes > 0.5 * before
    with closing(open_database(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_database_of_an_old_program_is_converted_once(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home")
    fill(app, 2, 20_000)
    app.store.close()
    path = app.settings.database
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA journal_mode=DELETE").fetchall()
        db.execute("PRAGMA auto_vacuum=NONE").fetchall()
        db.execute("VACUUM")
    before = path.stat().st_size
    report = later(app, 91).run()
    assert (report.lines, report.freed_bytes) == (40_005, 0)
    with closing(open_database(path)) as db:
        assert not gives_back(db)
        assert space(db).free > 900
        compact(db)
        assert gives_back(db)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert path.stat().st_size < 0.2 * before


def test_a_reader_sees_no_hole_in_what_is_kept(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home")
    fill(app, 3, 20_000)
    kept, _ = app.run("levels", {"each": 400, "fail": True})
    texts = [line.message for line, _ in app.store.logs.lines(kept, LogFilter())]
    done = threading.Event()

    def delete() -> None:
        later(app, 91, rules=[{"status": "failed", "days": "forever"}]).run()
        done.set()

    deleting = threading.Thread(target=delete)
    deleting.start()
    walks = 0
    while not done.is_set() or not walks:
        after, seen = None, list[str]()
        while True:
            page = app.store.logs.page(kept, LogFilter(), limit=300, after=after)
            seen += [line.message for line in page.logs]
            after = page.next_cursor
            if after is None:
                break
        assert seen == texts
        walks += 1
    deleting.join()


KILLED = """
import sys
from qntx.clock import now_us
from qntx.config import load
from qntx.maintenance.batch_size import AdaptiveBatchSize
from qntx.maintenance.retention import Retention
from qntx.model.retention import DAY_US

retention = Retention(load(home=sys.argv[1]), lambda: now_us() + 91 * DAY_US)
retention.last()  # what it needs is imported before it is killed
print("began", flush=True)
retention.run()
print("done", flush=True)
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_leaves_a_store_that_agrees(
    tmp_path: Path, chance: random.Random
) -> None:
    app = make_app(tmp_path / "home")
    home = app.settings.home
    fill(app, 5, 30_000)
    killed = 0
    for _ in range(60):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(home)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        with process:
            try:
                process.wait(chance.uniform(0.0, 0.15))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
        agrees(home)
        if process.returncode == 0:
            break
    assert killed
    assert Retention(app.settings).preview().lines == 0
    final = later(app, 91).run()
    assert (final.lines, final.finished) == (0, True)
    assert value(home, "SELECT sum(lines) FROM log_expiry") == 150_005


def agrees(home: Path) -> None:
    """Said = still there + expired, for every run; and the file is whole."""
    with closing(open_database(home / "qntx.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        rows: list[Any] = db.execute(
            "SELECT a.stored, (SELECT count(*) FROM log_lines l WHERE l.id >= a.run_key << 32"
            " AND l.id < (a.run_key + 1) << 32),"
            " (SELECT total(lines) FROM log_expiry e WHERE e.run_key = a.run_key)"
            " FROM job_attempts a"
        ).fetchall()
        for said, there, expired in rows:
            assert said == there + expired
        orphans = "SELECT count(*) FROM log_bodies WHERE id NOT IN (SELECT id FROM log_lines)"
        assert db.execute(orphans).fetchall() == [(0,)]
