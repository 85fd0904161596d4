"""
Workers and whole servers are killed, stopped and woken while jobs run: none is lost, none counts
twice.

Every job leaves one line per execution in a file that is only appended to. In the end each job is
completed by exactly one attempt in the store, that attempt has left exactly one line, and every
other line belongs to an attempt that the store knows, and that ended for a named reason.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.config import load
from tests.support.effort import FULL
from tests.support.processes import send
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE

JOBS = 12_000 if FULL else 1_200
LEASE_S = 4.0
#: Why an attempt may have ended without having completed its job.
REASONS = (
    "worker_killed: SIGKILL",
    "not_started",
    "server_restarted",
    "lease_expired",
    "neighbour_stopped",
    "server_shutdown",
)
pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_500 if FULL else 180)]


@contextmanager
def trees(home: Path, number: int, **options: float) -> Iterator[list[Tree]]:
    """*number* trees on one data directory; whatever is left of them is killed in the end."""
    found = [Tree(home, **options) for _ in range(number)]  # type: ignore[arg-type]
    try:
        yield found
    finally:
        for tree in found:
            if tree.process.poll() is None:
                tree.kill()


@pytest.fixture
def app(tmp_path: Path) -> App:
    return built_in_app(load(home=tmp_path / "home", app=[MODULE]))


def enqueue(app: App, out: Path, number: int) -> list[str]:
    payload = {"path": str(out)}
    return app.enqueue_all(
        [app.request("test.effect", payload, source=str(n)) for n in range(number)]
    )


def disturb(app: App, wanted: int, act: Callable[[], None], limit_s: float) -> int:
    """
    *act* each time when some jobs more are completed, until all are; returns how often it did.

    Fails after *limit_s* seconds.
    """
    deadline, acts = time.monotonic() + limit_s, 0
    step = max(50, wanted // 40)
    next_at = step
    while (counts := app.store.jobs.counts())["completed"] < wanted:
        assert time.monotonic() < deadline, f"not all are completed after {limit_s} s: {counts}"
        if next_at <= counts["completed"] < wanted * 0.9:
            act()
            acts += 1
            next_at = counts["completed"] + step * (1 if FULL else 5)
        time.sleep(0.01)
    return acts


def check(app: App, ids: list[str], out: Path, *, whole: bool = False) -> Counter[str]:
    """
    That no job is lost and none counts twice; returns how attempts ended that did not count.

    *whole*: servers were killed with all that they had started. The ends of the two streams of a
    run were then seen by nobody, and its receipt says so; also of one whose completion had just
    been stored.
    """
    db = app.store.connection
    assert app.store.jobs.counts() == {
        "queued": 0,
        "running": 0,
        "paused": 0,
        "completed": len(ids),
        "failed": 0,
        "cancelled": 0,
    }
    attempts = {
        (job_id, attempt): (status, reason, lost)
        for job_id, attempt, status, reason, lost in db.execute(
            "SELECT job_id, attempt, status, reason, lost FROM job_attempts"
        )
    }
    effective = Counter(
        job for (job, _), (status, _, _) in attempts.items() if status == "completed"
    )
    assert effective == Counter(ids)
    effects = Counter(tuple(line.split()) for line in lines(out))
    done = Counter((job, int(attempt)) for (job, attempt), n in effects.items() for _ in range(n))
    for key, (status, reason, lost) in attempts.items():
        assert lost <= (2 if whole else 0), (key, lost)
        if status == "completed":
            assert done[key] == 1, f"{key} left {done[key]} lines"
        else:
            assert reason in REASONS, (key, status, reason)
            assert done[key] <= 1, f"{key} was executed {done[key]} times"
            assert not (reason == "not_started" and done[key]), f"{key} had started"
    assert set(done) <= set(attempts)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # A run that came to its end has its line, and no word of any death.
    gone = db.execute(
        "SELECT a.job_id, l.message FROM task_logs l JOIN job_attempts a USING (job_id, attempt)"
        " WHERE a.status = 'completed' AND l.message <> 'at work'"
        " AND (a.lost = 0 OR l.message NOT GLOB 'the end of std* was not seen*')"
    ).fetchall()
    assert gone == []
    return Counter(reason for status, reason, _ in attempts.values() if status != "completed")


def test_workers_are_killed_again_and_again(
    app: App, tmp_path: Path, chance: random.Random
) -> None:
    out = tmp_path / "effects"
    ids = enqueue(app, out, JOBS)
    with trees(app.settings.home, 1) as (tree,):

        def kill_one() -> None:
            for pid in tree.workers()[:1] if chance.random() < 0.5 else tree.workers()[-1:]:
                send(pid, signal.SIGKILL)

        acts = disturb(app, JOBS, kill_one, 60 + JOBS / 20)
        assert tree.end() == 0
    reasons = check(app, ids, out)
    assert acts >= 3
    assert reasons["worker_killed: SIGKILL"] >= 1


def test_two_servers_on_one_directory_are_killed_and_stopped_whole(
    app: App, tmp_path: Path, chance: random.Random
) -> None:
    out = tmp_path / "effects"
    ids = enqueue(app, out, JOBS)
    with trees(app.settings.home, 2, workers=1, lease_s=LEASE_S) as both:

        def disturb_one() -> None:
            tree = chance.choice(both)
            if chance.random() < (0.6 if FULL else 1.0):
                tree.restart()
                return
            # Longer than its leases: the other one takes over its jobs meanwhile.
            stopped = tree.stop_outside_of_transactions(app)
            time.sleep(2.5 * LEASE_S)
            for pid in reversed(stopped):
                send(pid, signal.SIGCONT)

        disturb(app, JOBS, disturb_one, 60 + JOBS / 10)
        assert [tree.end() for tree in both] == [0, 0]
    check(app, ids, out, whole=True)


def test_a_server_that_is_stopped_for_longer_than_its_leases_loses_its_jobs(
    app: App, tmp_path: Path
) -> None:
    out = tmp_path / "effects"
    number = JOBS if FULL else 300
    with trees(app.settings.home, 2, workers=1, lease_s=1.5) as (first, second):
        ids = enqueue(app, out, number)
        while len(lines(out)) < number / 10:
            time.sleep(0.01)
        stopped = first.stop_outside_of_transactions(app)
        try:
            wait_until(
                lambda: app.store.jobs.counts()["completed"] >= number,
                "the other one does all",
                60 + number / 50,
            )
        finally:
            for pid in reversed(stopped):
                send(pid, signal.SIGCONT)
        assert app.store.jobs.counts()["completed"] == number
        assert [first.end(), second.end()] == [0, 0]
    check(app, ids, out)
