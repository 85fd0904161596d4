"""SIGKILL of the job, of the indexer, and of both, in the middle of a flood of lines."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qntx.indexer.launch import IndexerProcess
from tests.faults.oracle.harness import (
    ENDLESS,
    Trial,
    pause,
    plan,
    settled,
)
from tests.support.data_directory import index_rest, stored
from tests.support.effort import FULL, times
from tests.support.processes import indexer_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(3600 if FULL else 240)

#: Who speaks in the kill trials: every way that goes through Python, from every kind of place.
SPEAKERS = [
    ("main", "emitter"),
    ("main", "print"),
    ("thread", "logging"),
    ("thread", "pieces"),
    ("pool", "write"),
    ("asyncio", "emitter"),
    ("asyncio", "print"),
    ("executor", "stderr"),
    ("thread", "warning"),
]


def speakers(chance: random.Random) -> list[tuple[str, str]]:
    """Some of the speakers; of those in the main thread only one, since they speak in turn."""
    others = [pair for pair in SPEAKERS if pair[0] != "main"]
    return [chance.choice(SPEAKERS[:2]), *chance.sample(others, chance.randint(1, 4))]


@pytest.fixture
def indexer(tmp_path: Path) -> Iterator[IndexerProcess]:
    """An indexer that outlives the jobs."""
    home = tmp_path / "home"
    made = IndexerProcess(home)
    yield made
    made.stop()


def kill_jobs(
    tmp_path: Path, chance: random.Random, trials: int, *, own_indexer: bool
) -> tuple[int, int]:
    """Kill *trials* jobs; returns how many had lines acknowledged, and how many lines that were."""
    home = tmp_path / "home"
    flowing = lines = 0
    for number in range(trials):
        seed = chance.randrange(1 << 30)
        made = plan(seed, speakers(chance), ENDLESS)
        made.door = chance.choice(["run", "capture"])
        trial = Trial(home, tmp_path / f"trial{number}", made)
        trial.start()
        trial.wait_for_flow(1)
        trial.wait_for_flow(chance.randrange(200, 60_000))
        trial.kill()
        if own_indexer:
            # The job's indexer sees the death and stores the rest; where it does not get so far,
            # the next one goes on.
            index_rest(home)
        settled(home, trial.job_id)
        history = trial.judge(killed=True, may_be=("failed",))
        flowing += bool(history.acknowledged)
        lines += len(history.acknowledged)
        print(f"trial {number}: seed {seed}, {len(history.acknowledged)} acknowledged")
    return flowing, lines


def test_a_killed_job_loses_nothing_when_an_indexer_is_at_work(
    tmp_path: Path, chance: random.Random, indexer: IndexerProcess
) -> None:
    trials = times(12, 140)
    flowing, lines = kill_jobs(tmp_path, chance, trials, own_indexer=False)
    assert flowing == trials
    assert lines > 20 * trials


def test_a_killed_job_loses_nothing_when_its_indexer_is_its_own(
    tmp_path: Path, chance: random.Random
) -> None:
    trials = times(8, 60)
    flowing, lines = kill_jobs(tmp_path, chance, trials, own_indexer=True)
    assert flowing == trials
    assert lines > 20 * trials


def test_a_killed_indexer_stores_everything_exactly_once_when_it_is_back(
    tmp_path: Path, chance: random.Random
) -> None:
    """Several kills within one run; in between a new indexer works for a random while."""
    kills = times(10, 100)
    per_run = 5
    home = tmp_path / "home"
    for number in range(kills // per_run):
        seed = chance.randrange(1 << 30)
        trial = Trial(home, tmp_path / f"trial{number}", plan(seed, speakers(chance), ENDLESS))
        indexer = IndexerProcess(home)
        trial.start()
        trial.wait_for_flow(1)
        for _ in range(per_run):
            trial.wait_for_flow(chance.randrange(200, 9_000))
            os.kill(indexer.pid, signal.SIGKILL)
            before = trial.acknowledged()
            trial.wait_for_flow(1)
            assert trial.acknowledged() > before, "the job stood still without an indexer"
            indexer.stop()
            pause(chance, 0.1)
            indexer = IndexerProcess(home)
            pause(chance, 0.1)
        trial.enough()
        trial.wait()
        wait_until(lambda: not list((home / "journal").glob("*.seg")), "all is stored")
        indexer.stop()
        history = trial.judge()
        print(f"trial {number}: seed {seed}, {len(history.acknowledged)} acknowledged")


def test_a_killed_indexer_of_a_foreground_run_costs_the_run_nothing(
    tmp_path: Path, chance: random.Random
) -> None:
    """Nobody else is there: the run itself sees to it that its lines get stored."""
    home = tmp_path / "home"
    for number in range(times(3, 30)):
        seed = chance.randrange(1 << 30)
        trial = Trial(home, tmp_path / f"trial{number}", plan(seed, speakers(chance), ENDLESS))
        trial.start()
        trial.wait_for_flow(chance.randrange(200, 9_000))
        assert trial.process is not None
        pid = trial.process.pid
        victim = wait_until(lambda pid=pid: indexer_of(pid), "it has an indexer")
        os.kill(victim, signal.SIGKILL)
        trial.wait_for_flow(1)
        trial.enough()
        trial.wait()
        trial.judge()


def test_job_and_indexer_killed_together_lose_nothing(
    tmp_path: Path, chance: random.Random
) -> None:
    home = tmp_path / "home"
    for number in range(times(6, 60)):
        seed = chance.randrange(1 << 30)
        trial = Trial(home, tmp_path / f"trial{number}", plan(seed, speakers(chance), ENDLESS))
        indexer = IndexerProcess(home)
        trial.start()
        trial.wait_for_flow(1)
        trial.wait_for_flow(chance.randrange(200, 30_000))
        first, second = chance.sample([indexer.pid, trial.process.pid], 2)  # type: ignore[union-attr]
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        trial.process.wait(60)  # type: ignore[union-attr]
        indexer.stop()
        index_rest(home)
        settled(home, trial.job_id)
        trial.judge(killed=True, may_be=("failed",))


def test_a_kill_at_the_very_beginning_leaves_a_directory_that_works(
    tmp_path: Path, chance: random.Random
) -> None:
    """Before, while and just after the first segment and the first rows come into being."""
    home = tmp_path / "home"
    indexer = IndexerProcess(home)
    try:
        for number in range(times(8, 80)):
            trial = Trial(home, tmp_path / f"early{number}", plan(1, [("main", "print")], ENDLESS))
            trial.start()
            wait_until(
                lambda trial=trial, early=number % 2 == 0: (
                    early or trial.ledger.with_suffix(".job").exists()
                ),
                "it starts",
            )
            pause(chance, 0.3 if number % 2 == 0 else 0.01)
            trial.kill()
        last = Trial(home, tmp_path / "last", plan(2, [("main", "print")], 200))
        last.start()
        last.wait()
        last.judge()
        wait_until(
            lambda: not list((home / "journal").glob("*")) or only_spools(home),
            "nothing is left behind",
        )
        with stored(home) as store:
            rows = store.db.execute(
                "SELECT status, count(*) FROM job_attempts GROUP BY status"
            ).fetchall()
        assert {status for status, _ in rows} <= {"failed", "completed"}, rows
    finally:
        indexer.stop()


def only_spools(home: Path) -> bool:
    """Whether the journal holds nothing but the folder of spools."""
    return all(path.is_dir() for path in (home / "journal").glob("*"))
