"""The worker processes of a supervisor: starting them, and why they ended."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qntx.config import Settings
from qntx.journal import relay
from qntx.linux import pidfd_open
from qntx.model.job import Claimed
from qntx.runtime.app_modules import WORKER_MODULE
from qntx.runtime.wire import EXIT_LEASE_LOST, EXIT_ORPHANED, Channel, FromWorker, Message, Ready

#: A worker holds as many jobs as take it about so long, seconds, and at most this many.
DEPTH_S = 0.05
MAX_QUEUE_DEPTH = 512
_OUR_EXITS = {EXIT_ORPHANED: "server_restarted", EXIT_LEASE_LOST: "lease_expired"}
_OUR_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")


@dataclass(eq=False)
class WorkerProcess:
    """A worker, as its supervisor sees it."""

    name: str
    process: subprocess.Popen[bytes]
    channel: Channel
    pidfd: int
    oom_kills: int
    introduced: Ready | None = None
    closing: bool = False
    #: Jobs handed over and not yet over, in the order in which they run.
    sync: dict[str, Claimed] = field(default_factory=dict)
    asynchronous: dict[str, Claimed] = field(default_factory=dict)
    #: When each async job was handed over, on the monotonic clock.
    began: dict[str, float] = field(default_factory=dict)
    #: When the first of the sync jobs began, on the monotonic clock.
    since: float = 0.0
    last_beat: float = field(default_factory=time.monotonic)
    executed: int = 0
    #: How many it had executed, and when, when its memory was looked at last.
    weighed: int = 0
    weighed_at: float = 0.0
    #: How many sync jobs to hand over at once: many while they are short.
    depth: int = 1
    recalled: bool = False
    #: Why it is being killed by us, if it is.
    doomed: dict[str, str] = field(default_factory=dict)
    kill_reason: str | None = None

    @property
    def jobs(self) -> dict[str, Claimed]:
        """All jobs that it holds."""
        return {**self.sync, **self.asynchronous}

    def at_work(self) -> list[tuple[Claimed, float]]:
        """The jobs that run now, each with when it began (on the monotonic clock)."""
        found = [(job, self.began[job.id]) for job in self.asynchronous.values()]
        found += [(job, self.since) for job in list(self.sync.values())[:1]]
        return found

    def waits(self, job_id: str) -> bool:
        """Whether the job waits behind another one that the worker is at."""
        return job_id in self.sync and next(iter(self.sync)) != job_id

    def ended(self, attempts: Sequence[tuple[str, int]], now: float) -> list[str]:
        """
        Attempts are over: the next sync one begins *now* (on the monotonic clock).

        Returns their jobs, without those that it was given again meanwhile: word of a retry may
        be here before word of the end.
        """
        self.executed += len(attempts)
        jobs = self.jobs
        over = [i for i, attempt in attempts if i in jobs and jobs[i].attempt == attempt]
        in_turn = sum(self.sync.pop(job_id, None) is not None for job_id in over)
        for job_id in over:
            self.asynchronous.pop(job_id, None)
            self.began.pop(job_id, None)
        if in_turn:  # an async one says nothing of the sync one that runs beside it
            each_s = (now - self.since) / in_turn
            self.depth = max(1, min(MAX_QUEUE_DEPTH, int(DEPTH_S / max(each_s, 1e-6))))
            self.since = now
        return over

    def send(self, message: Message) -> None:
        """Send to the worker; one that is gone is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self.channel.post(message)

    def kill(self, number: int) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def memory_bytes(self) -> int:
        """Resident memory; 0 when it cannot be told."""
        try:
            fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        except OSError:
            return 0
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def spawn(settings: Settings, name: str, lock: int) -> WorkerProcess:
    """
    Start a worker process.

    It inherits *lock*, so that the lock is free only when the supervisor and all its workers are
    gone: until then nobody else takes over their jobs. Its settings are *settings*, wherever they
    came from.
    """
    ours, theirs = socket.socketpair()
    given = os.memfd_create("qntx-settings")
    os.write(given, settings.as_json())
    os.lseek(given, 0, os.SEEK_SET)
    relay.set_room_wait(settings.capture.room_wait_s)
    inherited = [theirs.fileno(), lock, given, *relay.ensure().descriptors]
    process = subprocess.Popen(
        [sys.executable, "-m", WORKER_MODULE, *map(str, inherited)],
        pass_fds=inherited,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Not for the worker: programs that its jobs start shall find the same data directory.
        env={**os.environ, "QNTX_HOME": str(settings.home), "QNTX_APP": json.dumps(settings.app)},
    )
    theirs.close()
    os.close(given)
    return WorkerProcess(
        name, process, Channel(ours, FromWorker), pidfd_open(process.pid), oom_kills()
    )


def death_reason(worker: WorkerProcess, code: int) -> str:
    """Why a worker ended: what we did to it, what the system did, or its own exit code."""
    if worker.kill_reason is not None:
        return worker.kill_reason
    if code == -signal.SIGKILL and oom_kills() > worker.oom_kills:
        return "out_of_memory"
    if code < 0:
        try:
            return f"worker_killed: {signal.Signals(-code).name}"
        except ValueError:
            return f"worker_killed: signal {-code}"
    return _OUR_EXITS.get(code, f"exit {code}")


def oom_kills() -> int:
    """
    How often the kernel has killed for lack of memory: in our control group, or on the machine.
    """
    for path in _counters():
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == "oom_kill":
                    return int(number)
    return 0


@functools.cache
def _counters() -> list[Path]:
    """Where the kernel counts, the narrowest first: control groups (2, then 1), the machine."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for line in _OUR_GROUPS.read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, group = rest.partition(":")
            if not controllers:
                found.insert(0, _GROUPS / group.lstrip("/") / "memory.events")
            elif "memory" in controllers.split(","):
                found.append(_GROUPS / "memory" / group.lstrip("/") / "memory.oom_control")
    return [path for path in (*found, _GROUPS / "memory.events", _MACHINE) if path.exists()]
