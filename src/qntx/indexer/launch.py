"""Starting the indexer process of a data directory, and ending it."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any
from weakref import WeakSet

from qntx.journal.wakeup import STOP_INDEXER, Wakeup
from qntx.linux import is_stopped, pidfd_open

#: An indexer that was stopped (SIGSTOP) for so long is replaced, seconds: nothing shows any more,
#: and if it was writing, nobody else can.
STOPPED_S = 10.0
INDEXER_CHECK_S = 0.25


class IndexerProcess:
    """
    An indexer as a child of this process.

    While another process indexes the same data directory it only waits, and takes over when that
    one ends. It ends by itself when this process does, however that happens.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home = home
        self._seen_moving = time.monotonic()
        self._look_at = 0.0
        self._process = self._launch()
        _STARTED.add(self)
        _watch_forks()

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "qntx.indexer.process", str(self._home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ensure(self) -> bool:
        """Start it anew if it died or stands still; returns whether that was necessary."""
        if self.alive and not self._stands_still():
            return False
        self.let_go()
        self._process = self._launch()
        return True

    def _stands_still(self) -> bool:
        """Whether it was stopped for long; it is ended then, and loses nothing by that."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + INDEXER_CHECK_S
        if not is_stopped(self.pid):
            self._seen_moving = now
        if now - self._seen_moving < STOPPED_S:
            return False
        self._process.kill()
        self._process.wait()
        return True

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def let_go(self) -> None:
        """Close this process's end of what tells the indexer that its parent lives."""
        stdin: IO[Any] | None = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.close()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Have it store what is published, then end; killed after *timeout_s* seconds."""
        stdin: IO[Any] | None = self._process.stdin
        if stdin is not None and not stdin.closed:
            with contextlib.suppress(OSError):  # it is gone
                stdin.write(STOP_INDEXER)
                stdin.flush()
        self.let_go()
        Wakeup(self._home).notify()
        if not _ends_within(self._process, timeout_s):
            self._process.kill()
            self._process.wait()
        _STARTED.discard(self)


def _ends_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """As its ``wait``, which looks less and less often, and is up to 50 ms late."""
    ends = time.monotonic() + timeout_s
    with contextlib.suppress(OSError):  # no descriptor is left
        fd = pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.poll(timeout_s * 1e3)
        finally:
            os.close(fd)
    try:
        process.wait(max(0.0, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


#: The indexers that this process has started.
_STARTED: WeakSet[IndexerProcess] = WeakSet()


def _after_fork_in_child() -> None:
    """A forked child is not the parent that the indexer looks at."""
    for indexer in list(_STARTED):
        indexer.let_go()


@functools.cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_after_fork_in_child)
