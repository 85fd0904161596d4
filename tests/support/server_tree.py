"""A supervisor with workers, an indexer and a ticker, as a process that tests stop and kill."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.runtime.supervisor import Supervisor
from qntx.scheduler.ticker import Ticker
from qntx.server import wait_for_shutdown_signal
from tests.support.paths import ROOT
from tests.support.processes import command_of, send, tree_of
from tests.support.waiting import wait_until
from tests.support.workers import MODULE


class Tree:
    """The process, and everything that it started."""

    def __init__(
        self, home: Path, workers: int = 2, lease_s: float = 30.0, module: str = MODULE
    ) -> None:
        """*module*: what the workers know, as ``module:app``."""
        self._arguments = [str(home), str(workers), str(lease_s)]
        self._module = module
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), *sys.path])
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.server_tree", *self._arguments],
            env={**os.environ, "PYTHONPATH": path, "QNTX_APP": f'["{self._module}"]'},
        )

    def members(self) -> list[int]:
        """The process ids of the tree, the root first."""
        return tree_of(self.process.pid)

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return self._of(b"worker_process")

    def relay(self) -> int | None:
        """The process id of the relay; None: it is being replaced."""
        return next(iter(self._of(b"relay_process")), None)

    def indexer(self) -> int | None:
        """The process id of the indexer; None: it is being replaced."""
        return next(iter(self._of(b"qntx.indexer.process")), None)

    def _of(self, program: bytes) -> list[int]:
        return [pid for pid in self.members() if program in command_of(pid)]

    def signal_all(self, number: int) -> list[int]:
        """Send a signal to every member of the tree; returns their process ids."""
        members = self.members()
        for pid in members:
            send(pid, number)
        return members

    def kill(self) -> None:
        """SIGKILL to the whole tree at once."""
        # Stopped first, so that none starts another one meanwhile.
        members = self.signal_all(signal.SIGSTOP)
        for pid in {*members, *self.members()}:
            send(pid, signal.SIGKILL)
        self.process.wait(60)

    def restart(self) -> None:
        """Kill it and start it anew."""
        self.kill()
        self.process = self._start()

    def end(self) -> int:
        """Have it end in good order; returns its exit code."""
        wait_until(lambda: self.process.poll() is not None or _catches_sigterm(self.process.pid))
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)  # has it say where it hangs
            time.sleep(0.5)
            raise

    def stop_outside_of_transactions(self, app: App) -> list[int]:
        """
        SIGSTOP to the supervisor and its workers while none of them holds the database's lock.

        Its indexer goes on: it works for all servers of the directory. Returns who is stopped.
        """
        members = [self.process.pid, *self.workers()]
        with app.store.transaction():
            for pid in members:
                send(pid, signal.SIGSTOP)
            # One in a system call ends it first: it may be just about to take the lock.
            wait_until(lambda: all(_stands_still(pid) for pid in members))
        return members


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped, or over."""
    for path in Path(f"/proc/{pid}/task").glob("[0-9]*/stat"):
        try:
            state = path.read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state not in "TZX":
            return False
    return True


def _catches_sigterm(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/status").read_text().split()
    except OSError:
        return False
    return bool(int(words[words.index("SigCgt:") + 1], 16) >> (signal.SIGTERM - 1) & 1)


def main() -> None:
    """Run until SIGTERM."""
    faulthandler.register(signal.SIGUSR1)
    home, workers, lease_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    wait = wait_for_shutdown_signal()
    app = built_in_app(home=home)
    supervisor = Supervisor(app.settings, workers, lease_s=lease_s, keepalive=app.ensure_indexer)
    ticker = Ticker(app.settings, app.request)
    with app.indexing():
        supervisor.start()
        ticker.start()
        wait()
        ticker.stop()
        supervisor.stop(5)


if __name__ == "__main__":
    main()
