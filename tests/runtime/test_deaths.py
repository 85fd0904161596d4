"""Why a worker ended, by its exit code and what the kernel counts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qntx.runtime import worker_process as fleet
from qntx.runtime.wire import EXIT_LEASE_LOST, EXIT_ORPHANED, Channel, FromWorker
from qntx.runtime.worker_process import WorkerProcess, death_reason, oom_kills


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the kernel says of our control group, in a file that a test writes."""
    group = tmp_path / "memory" / "ours"
    group.mkdir(parents=True)
    (tmp_path / "groups").write_text("7:cpu:/x\n4:cpuset,memory:/ours\n")
    monkeypatch.setattr(fleet, "_GROUPS", tmp_path)
    monkeypatch.setattr(fleet, "_OUR_GROUPS", tmp_path / "groups")
    path = group / "memory.oom_control"
    path.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    fleet._counters.cache_clear()
    yield path
    fleet._counters.cache_clear()


def worker(program: str) -> tuple[WorkerProcess, int]:
    """A worker that was a program, and its exit code."""
    process = subprocess.Popen([sys.executable, "-c", program])
    ours, theirs = socket.socketpair()
    theirs.close()
    made = WorkerProcess("worker-1", process, Channel(ours, FromWorker), -1, oom_kills())
    code = process.wait(20)
    ours.close()
    return made, code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.kill(os.getpid(), 9)", "worker_killed: SIGKILL"),
        ("import os; os.kill(os.getpid(), 11)", "worker_killed: SIGSEGV"),
        ("import os; os.kill(os.getpid(), 40)", "worker_killed: signal 40"),
        ("raise SystemExit(3)", "exit 3"),
        (f"raise SystemExit({EXIT_ORPHANED})", "server_restarted"),
        (f"raise SystemExit({EXIT_LEASE_LOST})", "lease_expired"),
    ],
)
def test_ends_have_names(counter: Path, program: str, reason: str) -> None:
    assert death_reason(*worker(program)) == reason


@pytest.mark.slow
def test_a_kill_for_lack_of_memory_is_told_from_any_other(counter: Path) -> None:
    dead, code = worker("import os; os.kill(os.getpid(), 9)")
    assert death_reason(dead, code) == "worker_killed: SIGKILL"
    counter.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
    assert death_reason(dead, code) == "out_of_memory"
    dead.kill_reason = "lease_expired"
    assert death_reason(dead, code) == "lease_expired", "it was us"


def test_groups_of_version_2_and_machines_without_groups(
    counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oom_kills() == 3
    (tmp_path / "groups").write_text("0::/service\n")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "memory.events").write_text("low 0\noom 9\noom_kill 8\n")
    fleet._counters.cache_clear()
    assert oom_kills() == 8
    (tmp_path / "groups").unlink()
    fleet._counters.cache_clear()
    machine: Any = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    assert oom_kills() == int(machine.get("oom_kill", 0))
