"""
A server with its workers is killed whole, again and again, while schedules of every policy fire.

In the end every instant of every schedule is on record once, as its policies say; each execution
is as its job is; and every decision is said once.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.clock import from_iso
from qntx.config import load
from qntx.model.schedule import Execution, NewSchedule
from qntx.scheduler.service import ScheduleService
from tests.support.effort import FULL
from tests.support.schedule_bench import MICRO
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until
from tests.support.worker_jobs import lines
from tests.support.workers import MODULE

KILLS = 12 if FULL else 3
#: Longer than what counts as on time (10 s), so that some instants are missed.
DOWN_S = 13.0
#: Jobs of these take longer than the interval.
OVERLAPS = {"skip": 1, "queue": 1, "parallel(2)": 2, "replace": 1}
#: Missed-run policies, and how many instants of a downtime each may catch up.
MISSED = {"skip": 0, "one": 1, "all(4)": 4}
pytestmark = [pytest.mark.faults, pytest.mark.timeout(900 if FULL else 300)]


class World:
    """An application with a schedule of every policy, each once a second."""

    def __init__(self, home: Path) -> None:
        self.app: App = built_in_app(load(home=home, app=[MODULE]))
        app = self.app
        self.service = ScheduleService(app.settings, app.store, app.request, app.registry)
        self.out = home.parent / "effects"
        self.by_overlap = {
            self._create("test.asleep", "1.4", overlap=policy): limit
            for policy, limit in OVERLAPS.items()
        }
        self.by_missed = {
            self._create("test.effect", "", overlap="parallel(50)", missed=policy): limit
            for policy, limit in MISSED.items()
        }

    def _create(self, handler: str, text: str, **more: str) -> str:
        made, _ = self.service.create(
            NewSchedule(
                handler_name=handler,
                every="1s",
                **more,
                payload={"path": str(self.out), "text": text},
            ),
            by="a test",
        )
        return made.id

    @property
    def schedules(self) -> list[str]:
        return [*self.by_overlap, *self.by_missed]

    def executions(self, schedule_id: str) -> list[Execution]:
        return list(self.service.executions.walk(schedule_id))[::-1]

    def finish(self) -> None:
        """No more firing; what was fired comes to its end."""
        for schedule_id in self.schedules:
            self.service.pause(schedule_id, by="a test")
        wait_until(lambda: self.service.executions.total(None, ["running"]) == 0)
        wait_until(lambda: not self.service.executions.untold(1, 2**52))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "home")
    yield made
    made.app.store.close()


def test_policies_hold_whenever_the_server_is_killed(world: World, chance: random.Random) -> None:
    tree = Tree(world.app.settings.home, workers=4)
    try:
        wait_until(lambda: lines(world.out))
        for number in range(KILLS):
            _pause(chance.uniform(2.0, 4.0))
            tree.kill()
            if number % 3 == 1:
                _pause(DOWN_S)
            tree.process = tree._start()
        before = len(lines(world.out))
        wait_until(lambda: len(lines(world.out)) > before + 5)
        world.finish()
        assert tree.end() == 0
    finally:
        if tree.process.poll() is None:
            tree.kill()
    for schedule_id in world.schedules:
        _each_instant_once(world, schedule_id)
        _each_as_its_job(world, schedule_id)
    for schedule_id, limit in world.by_overlap.items():
        assert _most_at_once(world, schedule_id) <= limit, schedule_id
    for schedule_id, limit in world.by_missed.items():
        _caught_up(world, schedule_id, limit)
    _said_once(world)


def _pause(seconds: float) -> None:
    """The server works, or is down, for so long; nobody waits for anything here."""
    time.sleep(seconds)


def _each_instant_once(world: World, schedule_id: str) -> None:
    """No instant is left out, and none is there twice: one record a second, from the first on."""
    found = [from_iso(str(e.nominal_at)) for e in world.executions(schedule_id)]
    assert sorted(found) == list(range(min(found), max(found) + 1, MICRO))


def _each_as_its_job(world: World, schedule_id: str) -> None:
    for execution in world.executions(schedule_id):
        if execution.async_job_id is None:
            assert execution.status in ("skipped", "missed"), execution
            assert execution.reason
            continue
        job = world.app.store.jobs.get(execution.async_job_id)
        assert execution.status == job.status, (execution, job)
        assert job.execution_id == execution.id
        assert job.status == "completed" or execution.reason, execution
        # Killed with all that it had started: nobody saw the ends of the two streams of a run.
        assert job.receipt.lost == len(job.receipt.unseen)


def _most_at_once(world: World, schedule_id: str) -> int:
    """How many jobs of a schedule were under way at any one time: begun, and not over."""
    moves: list[tuple[str, int]] = []
    for execution in world.executions(schedule_id):
        if execution.async_job_id is not None:
            job = world.app.store.jobs.get(execution.async_job_id)
            if job.started_at is not None:
                moves += [(job.started_at, 1), (str(job.completed_at), -1)]
    most = now = 0
    for _, step in sorted(moves):  # an end before a beginning at the same time
        now += step
        most = max(most, now)
    return most


def _caught_up(world: World, schedule_id: str, limit: int) -> None:
    """After a long downtime: as many late runs as the policy allows, the rest is on record."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for execution in world.executions(schedule_id):
        if execution.cause == "catch_up" or execution.status == "missed":
            # Those found together were recorded together.
            groups[execution.created_at][execution.status] += 1
    assert any(group["missed"] for group in groups.values()), "it was down for long"
    for group in groups.values():
        assert sum(group.values()) - group["missed"] <= limit, groups
    reasons = [e.reason for e in world.executions(schedule_id) if e.status == "missed"]
    assert all("server down from" in str(reason) for reason in reasons)


def _said_once(world: World) -> None:
    """Each execution is in the log of its schedule, once; missed ones in a line together."""
    rows = world.app.store.connection.execute(
        "SELECT job_id, message FROM task_logs WHERE source = 'scheduler'"
    ).fetchall()
    for schedule_id in world.schedules:
        said = [str(text) for log, text in rows if log == schedule_id]
        for execution in world.executions(schedule_id):
            if execution.status != "missed":
                number = sum(execution.id in text for text in said)
                assert number == 1, (execution, said)
