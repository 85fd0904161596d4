"""SIGKILL of jobs, relays, indexers and servers, while descriptors and children are written to."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.config import load
from qntx.model.receipt import Receipt
from tests.support.data_directory import indexing, stored
from tests.support.effort import FULL, times
from tests.support.ledger_jobs import TALKS, writer_command
from tests.support.ledger_writer import WRITERS, Ledger, line_of
from tests.support.paths import ROOT
from tests.support.processes import children_of, command_of, is_alive, send, tree_of
from tests.support.server_tree import Tree
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(3600 if FULL else 240)
MODULE = "tests.support.ledger_jobs:app"
OWN = {"own1", "own2"}
CHILD = ("child1", "child2")


class Trial:
    """A job that writes, and the ledger of what it wrote."""

    def __init__(self, home: Path, folder: Path, chance: random.Random) -> None:
        folder.mkdir(parents=True)
        self.home = home
        self.ledger = Ledger(folder / "ledger")
        self.chance = chance
        self.writers = set(WRITERS) - {"early"}

    def start(self, app: App) -> None:
        """Begin; returns when all have written something."""
        self.job_id = app.enqueue("ledger.write", str(self.ledger.path))
        self.flow(20)

    def flow(self, more: int, of: set[str] | None = None) -> int:
        """Let all write *more* lines, and wait until they have; returns how many these are."""
        allowed = self.ledger.allow(more)
        wait_until(lambda: self._least(of or self.writers) >= allowed, "the writers go on")
        return allowed

    def flow_somewhat(self) -> int:
        """Let all write more, and return at some time meanwhile."""
        begin = self._least(self.writers)
        most = self.chance.randrange(20, 1500)
        allowed = self.ledger.allow(most)
        enough = begin + self.chance.randrange(most)
        wait_until(lambda: self._least(self.writers) >= enough, "the writers go on")
        return allowed

    def _least(self, writers: set[str]) -> int:
        return min(self.ledger.lines(writer) for writer in writers)

    def found(self) -> dict[str, list[str]]:
        """The lines of each writer, as they are stored."""
        lines: dict[str, list[str]] = {writer: [] for writer in WRITERS}
        with stored(self.home) as store:
            for text in store.texts(self.job_id):
                writer = text.split(" ", 1)[0]
                if writer in lines:
                    lines[writer].append(text)
        return lines

    def receipt(self) -> Receipt:
        """The receipt, when nothing more will come."""

        def final() -> Receipt | None:
            with stored(self.home) as store:
                receipt = store.receipt(self.job_id)
            return None if receipt.so_far else receipt

        found: Receipt = wait_until(final, "the receipt is final")
        return found

    def judge_whole(self) -> None:
        """Everything that was written is stored once and in order, and the receipt says so."""
        receipt, found = self.receipt(), self.found()
        for writer in self.writers:
            written = self.ledger.lines(writer)
            assert written > 0
            # Of a killed one, the last line may be written, but not yet in the ledger.
            assert len(found[writer]) in (written, written + (writer in OWN)), writer
            assert found[writer] == [line_of(writer, n) for n in range(len(found[writer]))]
        assert receipt.complete, receipt.text

    def judge_parts(self) -> int:
        """
        What is missing fits in the pipes, nothing is there twice, and the receipt says so.

        Returns how many lines are missing.
        """
        receipt, found = self.receipt(), self.found()
        missing = 0
        for writer in self.writers:
            lines = found[writer]
            # The last one may have come by halves.
            whole = [line_of(writer, n) for n in range(len(lines))]
            assert lines[:-1] == whole[:-1]
            assert not lines or whole[-1].startswith(lines[-1])
            stored_bytes = sum(len(line) + 1 for line in lines)
            lost = self.ledger.bytes(writer) - stored_bytes
            assert lost <= self.ledger.capacity(writer), writer
            missing += max(0, self.ledger.lines(writer) - len(lines))
        # Each of the streams could have had more in its pipe: nobody can know.
        assert not receipt.complete
        assert receipt.lost >= 1
        assert re.search(r"the end of (stdout|stderr).* was not seen", receipt.text)
        return missing


class Server:
    """A server whose workers know the jobs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tree = Tree(home, workers=1, module=MODULE)
        self.app = built_in_app(load(home=home, app=[MODULE]))

    def victims(self, names: tuple[str, ...], trial: Trial) -> list[int]:
        """The processes *names*, once each of them is there."""
        find: dict[str, Callable[[], int | None]] = {
            "job": lambda: trial.ledger.worker,
            "relay": self.tree.relay,
            "indexer": self.tree.indexer,
        }
        return [wait_until(find[name], f"there is a {name}") for name in names]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all that it survives."""
    home = tmp_path_factory.mktemp("server") / "home"
    made = Server(home)
    yield made
    assert made.tree.end() == 0


def strike(victims: list[int], chance: random.Random) -> None:
    """SIGKILL to all of them at once."""
    chance.shuffle(victims)
    for pid in victims:
        send(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, victims)), "they are dead")


ROWS = [
    ("job",),
    ("relay",),
    ("indexer",),
    ("job", "relay"),
    ("job", "indexer"),
    ("relay", "indexer"),
    ("job", "relay", "indexer"),
]


@pytest.mark.parametrize("names", ROWS, ids=" and ".join)
def test_while_the_server_lives_nothing_is_lost(
    server: Server, tmp_path: Path, chance: random.Random, names: tuple[str, ...]
) -> None:
    kills, number = 0, 0
    while kills < times(3 if "job" not in names else 2, 30):
        trial = Trial(server.home, tmp_path / f"trial{number}", chance)
        number += 1
        try:
            trial.start(server.app)
            for _ in range(1 if "job" in names else 3):
                victims = server.victims(names, trial)
                trial.flow_somewhat()
                strike(victims, chance)
                kills += 1
                others = trial.writers - OWN if "job" in names else trial.writers
                trial.flow(chance.randrange(20, 300), others)
        finally:
            trial.ledger.stop()
        trial.judge_whole()


def test_of_everything_killed_with_the_server_the_pipes_are_missing(
    tmp_path: Path, chance: random.Random
) -> None:
    home = tmp_path / "home"
    server = Server(home)
    missing = 0
    try:
        for number in range(times(2, 20)):
            trial = Trial(home, tmp_path / f"trial{number}", chance)
            trial.start(server.app)
            if number % 2:
                # The relay takes nothing any more: now there is something in the pipes.
                send(server.victims(("relay",), trial)[0], signal.SIGSTOP)
                trial.flow(100)
            else:
                trial.flow_somewhat()
            server.tree.restart()
            trial.ledger.stop()
            missing += trial.judge_parts()
            assert trial.found()["early"] == [line_of("early", 0)]
    finally:
        server.tree.kill()
    assert missing >= times(100, 1000) * len(trial.writers)


def test_a_job_that_was_over_before_is_complete_whatever_dies_then(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = Server(home)
    try:
        trial = Trial(home, tmp_path / "trial", random.Random(1))
        trial.start(server.app)
        trial.ledger.stop()
        wait_until(lambda: not is_at_work(home, trial.job_id), "it is over")
        server.tree.restart()
        trial.judge_whole()
    finally:
        server.tree.kill()


def is_at_work(home: Path, job_id: str) -> bool:
    with stored(home) as store:
        return store.receipt(job_id).so_far


def test_a_relay_that_is_stopped_delays_and_loses_nothing(
    server: Server, tmp_path: Path, chance: random.Random
) -> None:
    trial = Trial(server.home, tmp_path / "trial", chance)
    trial.writers = {"own1"}
    trial.job_id = server.app.enqueue("ledger.talk", str(trial.ledger.path))
    trial.flow(TALKS // 2)
    (relay,) = server.victims(("relay",), trial)
    send(relay, signal.SIGSTOP)
    try:
        trial.flow(TALKS // 2)  # it waits for the relay, gives up, and goes on
        wait_until(lambda: server.app.store.jobs.get(trial.job_id).status == "completed")
        assert len(trial.found()["own1"]) < TALKS
    finally:
        send(relay, signal.SIGCONT)
    trial.judge_whole()


# -- in the foreground -----------------------------------------------------------------------------


def program_of(pid: int, program: bytes) -> int | None:
    """The process that *pid* started which runs *program*."""
    return next((child for child in children_of(pid) if program in command_of(child)), None)


@contextmanager
def in_the_foreground(home: Path, trial: Trial) -> Iterator[subprocess.Popen[bytes]]:
    """``qntx run`` of a command that writes, once it does; nothing of it is left at the end."""
    trial.writers = set(CHILD)
    with stored(home) as store:
        before = set(store.jobs)
    command = writer_command(trial.ledger.path, *CHILD)
    process = subprocess.Popen(
        [sys.executable, "-m", "qntx.cli", "--home", str(home), "run", "-q", "--", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def announced() -> str | None:
        with stored(home) as store:
            jobs = set(store.jobs) - before
        return jobs.pop() if jobs else None

    try:
        trial.flow(20)
        trial.job_id = wait_until(announced)
        yield process
    finally:
        trial.ledger.stop()
        if process.poll() is None:  # a failed test
            for pid in tree_of(process.pid):
                send(pid, signal.SIGKILL)
            process.wait(60)


@pytest.mark.parametrize(
    "names",
    [("relay",), ("indexer",), ("run",), ("run", "indexer"), ("relay", "indexer")],
    ids=" and ".join,
)
def test_a_run_in_the_foreground_loses_nothing(
    tmp_path: Path, chance: random.Random, names: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    for number in range(times(1, 10)):
        trial = Trial(home, tmp_path / f"trial{number}", chance)
        with in_the_foreground(home, trial) as process:
            pids = {
                "run": process.pid,
                "relay": wait_until(lambda pid=process.pid: program_of(pid, b"relay_process")),
                "indexer": wait_until(lambda pid=process.pid: program_of(pid, b"indexer.process")),
            }
            trial.flow_somewhat()
            strike([pids[name] for name in names], chance)
            trial.flow(chance.randrange(20, 300))
            trial.ledger.stop()
            assert process.wait(60) == (-signal.SIGKILL if "run" in names else 0)
        with indexing(home):
            trial.judge_whole()


def test_of_a_run_killed_with_its_relay_the_pipes_are_missing(
    tmp_path: Path, chance: random.Random
) -> None:
    home, missing = tmp_path / "home", 0
    for number in range(times(2, 10)):
        trial = Trial(home, tmp_path / f"trial{number}", chance)
        with in_the_foreground(home, trial) as process:
            relay = wait_until(lambda pid=process.pid: program_of(pid, b"relay_process"))
            trial.flow_somewhat()
            if number % 2:
                trial.flow(0)
                send(relay, signal.SIGSTOP)
                trial.flow(100)
            for victim in (process.pid, relay):  # in this order: it would start another relay
                send(victim, signal.SIGKILL)
            process.wait(60)
        with indexing(home):
            missing += trial.judge_parts()
    assert missing >= times(100, 500) * len(CHILD)
