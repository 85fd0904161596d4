"""
Eight tickers on one database, killed and stopped at random: each instant exactly once.

The clock runs fast, the same for all of them. Every random choice comes from a seed that a failure
prints.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from qntx.app import App
from qntx.clock import iso, now_us
from qntx.model.schedule import NewSchedule, kept_timing
from tests.support.effort import FULL
from tests.support.paths import ROOT
from tests.support.schedule_bench import MICRO, MINUTE, executions_of, make_app, service_for
from tests.support.waiting import wait_until

pytestmark = pytest.mark.faults

TICKERS = 8
#: Jobs never end here: of these, so many may be on the queue at once, and the rest is on record.
LIMITS = {"skip": 1, "queue": 1, "parallel(3)": 3}
SCHEDULES = 500 if FULL else 60
MINUTES = 10
FACTOR = 20 if FULL else 60
WAYS = ({"every": "1m"}, {"cron": "* * * * *"}, {"every": "90s"}, {"cron": "*/30 * * * * *"})


class Herd:
    """The processes, and what is done to them."""

    def __init__(self, home: Path, simulated_us: int, seed: int) -> None:
        self.home = home
        self.errors = (home.parent / "stderr").open("ab")
        self.arguments = [str(home), str(time.time_ns() // 1000), str(simulated_us), str(FACTOR)]
        self.random = random.Random(seed)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.kills = self.stops = 0

    def fill(self) -> None:
        """Start a ticker for each that is missing."""
        while len(self.processes) < TICKERS:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.ticker_process", *self.arguments],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stderr=self.errors,
                )
            )

    def hurt(self) -> None:
        """Kill one, or stop one for a while: by chance."""
        victim = self.random.choice(self.processes)
        if self.random.random() < 0.4:
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            self.processes.remove(victim)
            self.kills += 1
        else:
            victim.send_signal(signal.SIGSTOP)
            _pause(self.random.uniform(0.01, 0.4))
            victim.send_signal(signal.SIGCONT)
            self.stops += 1

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.errors.close()


def _pause(seconds: float) -> None:
    """The fault lasts this long; nobody waits for anything here."""
    time.sleep(seconds)


def test_eight_tickers_fire_each_instant_exactly_once(tmp_path: Path) -> None:
    app = make_app(tmp_path / "home")
    seed = int(os.environ["QNTX_SEED"])
    start = now_us() + 10 * MINUTE
    end = start + MINUTES * MINUTE
    expected = _schedules(app, start, end)
    herd = Herd(app.settings.home, start - 30 * MICRO * FACTOR // 60, seed)
    try:
        herd.fill()
        until = time.monotonic() + (end - start) / MICRO / FACTOR + 2
        while time.monotonic() < until:
            _pause(herd.random.uniform(0.02, 0.25))
            herd.hurt()
            herd.fill()
        wait_until(lambda: _active(app) == 0)
    finally:
        herd.end()
    said = (tmp_path / "stderr").read_text()[-2000:]
    print(f"seed {seed}: {herd.kills} kills, {herd.stops} stops\n{said}")
    _check(app, expected)
    assert herd.kills >= 3
    assert herd.stops >= 3


def _schedules(app: App, start: int, end: int) -> Counter[tuple[str, str]]:
    """Schedules of several kinds; gives each (schedule, instant) that must be fired."""
    service, expected = service_for(app), Counter[tuple[str, str]]()
    for number in range(SCHEDULES):
        made, _ = service.create(
            NewSchedule(
                handler_name="said",
                payload={},
                overlap=_overlap(number),
                missed="all(1000)",
                start_at=iso(start),
                end_at=iso(end),
                jitter_seconds=number % 3 * 5,
                **WAYS[number % len(WAYS)],  # type: ignore[arg-type]
            ),
            by="a test",
        )
        timing = kept_timing(made)
        for at in timing.walk(timing.next_after(start - 1), end):
            expected[made.id, iso(at)] += 1
    return expected


def _overlap(number: int) -> str:
    return "parallel(1000)" if number >= 2 * len(LIMITS) else [*LIMITS, *LIMITS][number]


def _active(app: App) -> int:
    return len(service_for(app).kept.page(states=["active"])[0])


def _check(app: App, expected: Counter[tuple[str, str]]) -> None:
    db = app.store.connection
    found = Counter(
        (str(schedule), str(at))
        for schedule, at in db.execute("SELECT scheduled_job_id, nominal_at FROM pulse_executions")
    )
    assert found - expected == Counter(), "fired twice, or out of nowhere"
    assert expected - found == Counter(), "not fired"
    # Each execution that was not skipped has exactly one job, each job its execution.
    rows = db.execute(
        "SELECT e.id, j.execution_id, count(*) FROM async_ix_jobs j LEFT JOIN pulse_executions e"
        " ON e.async_job_id = j.id GROUP BY j.id"
    ).fetchall()
    assert all(execution == job and number == 1 for execution, job, number in rows)
    jobs = Counter(
        str(overlap)
        for (overlap,) in db.execute(
            "SELECT s.overlap FROM pulse_executions e JOIN scheduled_pulse_jobs s"
            " ON s.id = e.scheduled_job_id WHERE e.async_job_id IS NULL"
        )
    )
    assert "parallel(1000)" not in jobs
    for schedule in service_for(app).kept.page()[0]:
        ready = [e for e in executions_of(app).active(schedule.id) if not e.waiting]
        assert len(ready) <= LIMITS.get(schedule.overlap, 1000)
        assert ready
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
