"""Running the generator, killing it, and reading what is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import msgspec

from tests.faults.oracle.checker import check
from tests.faults.oracle.generator import Plan
from tests.faults.oracle.history import History, Producer, read_history
from tests.support.data_directory import stored
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

#: More lines than any trial lets a producer say.
ENDLESS = 10_000_000


class Trial:
    """One run of the generator in the data directory *home*."""

    def __init__(self, home: Path, folder: Path, plan: Plan) -> None:
        folder.mkdir(parents=True)
        self.home = home
        self.plan = plan
        self.ledger = folder / "ledger"
        self._plan_path = folder / "plan.json"
        self._plan_path.write_bytes(msgspec.json.encode(plan))
        self._errors = folder / "stderr"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the generator."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QNTX_")}
        with self._errors.open("wb") as errors:
            self.process = self._popen(environment, errors)

    def _popen(self, environment: dict[str, str], errors: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.faults.oracle.generator",
                str(self.home),
                str(self.ledger),
                str(self._plan_path),
            ],
            env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=ROOT,
        )

    @property
    def job_id(self) -> str:
        """The id of the job, once the handler runs."""
        return self.ledger.with_suffix(".job").read_text()

    def acknowledged(self) -> int:
        """Bytes in the ledgers: they grow while lines flow."""
        return sum(path.stat().st_size for path in self.ledger.parent.glob("ledger.*.*"))

    def wait_for_flow(self, more: int) -> None:
        """Wait until the ledgers have grown by *more* bytes."""
        begin = self.acknowledged()
        wait_until(lambda: self.acknowledged() >= begin + more or self._ended(), "lines flow")
        assert not self._ended(), f"the generator ended by itself:\n{self.errors()}"

    def enough(self) -> None:
        """Have the producers end in good order."""
        self.ledger.with_suffix(".stop").touch()

    def kill(self) -> None:
        """SIGKILL, in mid-log."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(60) == -signal.SIGKILL

    def wait(self, timeout_s: float = 120) -> None:
        """Wait for the end in good order."""
        assert self.process is not None
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the generator hangs\n{self.errors()}") from None
        assert code == 0, f"the generator ended with {code}\n{self.errors()}"

    def errors(self) -> str:
        """What the generator said to the console's error stream."""
        return self._errors.read_bytes().decode("utf-8", "replace")[-3000:]

    def history(self, *, killed: bool, may_be: tuple[str, ...]) -> History:
        """What happened, once everything is stored."""
        return read_history(
            self.home,
            self.job_id,
            self.plan.seed,
            self.plan.producers,
            self.ledger,
            killed=killed,
            may_be=may_be,
        )

    def judge(self, *, killed: bool = False, may_be: tuple[str, ...] = ("completed",)) -> History:
        """Fail on anything that is wrong; returns the history."""
        history = self.history(killed=killed, may_be=may_be)
        violations = check(history)
        assert not violations, "\n".join(f"{rule}: {detail}" for rule, detail in violations[:20])
        assert history.acknowledged, "nothing was acknowledged: the trial shows nothing"
        return history

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def plan(seed: int, pairs: Iterable[tuple[str, str]], count: int) -> Plan:
    """A plan in which each (context, way) speaks in a task of its own, *count* lines."""
    producers = []
    for number, (context, way) in enumerate(pairs):
        stage = f"stage {number % 3}" if number % 5 else None
        task = f"task {number}" if stage and number % 2 else None
        name = f"{context}.{way}.{number}"
        producers.append(Producer(name, context, way, stage, task, count))
    return Plan(seed, producers)


def settled(home: Path, job_id: str) -> None:
    """Wait until the attempt of *job_id* is over in the store."""

    def over() -> bool:
        with stored(home) as store:
            rows = store.db.execute(
                "SELECT 1 FROM job_attempts WHERE job_id = ? AND ended_at IS NOT NULL", (job_id,)
            ).fetchall()
        return bool(rows)

    wait_until(over, f"job {job_id} is over")


def pause(chance: random.Random, up_to_s: float) -> None:
    """Let a random time pass: the moment of a fault, not a way to wait for something."""
    time.sleep(chance.random() * up_to_s)
