"""
The indexer as a process: ``python -m qntx.indexer.process HOME``.

It takes the data directory's lock (and waits for it while another indexer holds it), then drains
journals until its parent says so on its standard input, or goes away. Whoever is still saying
something then, or when it is told to end (SIGTERM) while its parent lives, is heard out first.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path

from qntx.errors import StoreBusy, StoreUnavailable
from qntx.indexer.drain import Drain
from qntx.indexer.search_index import SearchIndex
from qntx.journal.segment import private_folder
from qntx.journal.shared_secrets import remove_empty_folder
from qntx.journal.wakeup import STOP_INDEXER, Wakeup
from qntx.linux import lift_soft_limits, pidfd_open
from qntx.storage import open_store
from qntx.storage.interfaces import LogWriter, Store

#: While journals are open: how long to wait for news, seconds. It bounds how late a line shows.
ROUND_S = 0.002
#: With no journal open; a process that starts one wakes the indexer.
IDLE_ROUND_S = 0.5
#: While the store takes nothing: how often to try, and to have the journals synced.
FAILED_ROUND_RETRY_S = 0.1
SYNC_S = 0.5
#: How long processes that go on speaking are heard out, seconds: after the parent's death, and
#: after a SIGTERM.
ORPHANS_S = 10.0
TOLD_TO_END_S = 60.0


class Indexer:
    """Drains the journals of the data directory *home* into *store*."""

    def __init__(self, home: Path, store: Store, parent_fd: int) -> None:
        self._home = home
        self._store = store
        self._leadership = store.leadership("indexer")
        self._journal = home / "journal"
        private_folder(self._journal)
        self._parent_fd = parent_fd
        self._parent = _pidfd_of_parent()
        self._wakeup = Wakeup(home)
        #: When it was told to end, on the monotonic clock.
        self._told_at: float | None = None
        self._orphaned = False
        self._drain: Drain | None = None
        self._writer: LogWriter | None = None
        self._search = SearchIndex(store.search_index_writer())
        self._synced = 0.0
        self._quiet = 0

    def stop(self, *_: object) -> None:
        """End as soon as nobody says anything any more."""
        self._told_at = time.monotonic()

    def run(self) -> None:
        """Index until the parent process ends or has enough, or after :meth:`stop`."""
        while not self._leadership.take():
            if self._parent_is_gone(0.05) or self._told_at is not None:
                return
        self._wakeup.listen()
        timeout = 0.0
        while not self._parent_is_gone(timeout) and not self._may_end():
            timeout = self._step()
        self._last_rounds()

    def _may_end(self) -> bool:
        """
        Whether it was told to end, and may: a whole tree of processes is told at once, and the
        others have their last words yet.
        """
        if self._told_at is None:
            return False
        late = time.monotonic() - self._told_at > TOLD_TO_END_S
        return late or self._drain is None or not self._drain.producers

    def _step(self) -> float:
        """One round; returns how long to wait for the next one, seconds."""
        began = time.monotonic()
        try:
            records = self._open().round()
        except StoreUnavailable as error:
            return self._store_refused(error)
        except Exception as error:  # noqa: BLE001 - journals wait; an indexer that dies helps nobody
            traceback.print_exc()
            return self._store_refused(error)
        if records:
            self._quiet = 0
            self._search.records_came(records, time.monotonic() - began)
            self._search.turn(idle=False)
            return 0.0
        if self._search.turn(idle=True):
            return 0.0
        self._quiet += 1
        if self._quiet == 50:
            gc.collect()
            self._open().sweep()
        elif self._quiet == 500 and self._writer is not None:
            self._writer.housekeep()
        return ROUND_S if self._open().producers or self._quiet < 100 else IDLE_ROUND_S

    def _open(self) -> Drain:
        if self._drain is None:
            self._writer = self._store.log_writer()
            self._drain = Drain(self._journal, self._writer, self._store.notify_jobs)
        return self._drain

    def _let_go(self) -> None:
        """The next round opens the store anew."""
        if self._drain is not None:
            self._drain.close()
            self._drain = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._search.close()

    def _store_refused(self, error: Exception) -> float:
        """The store takes nothing (locked, full, gone): journals keep everything meanwhile."""
        if self._drain is not None:
            now = time.monotonic()
            if now - self._synced > SYNC_S:
                self._synced = now
                self._drain.sync_journals()
            if not isinstance(error, StoreBusy):
                self._let_go()  # it may have been replaced
        return FAILED_ROUND_RETRY_S

    def _last_rounds(self) -> None:
        """Take what the processes that are gone have left, for as long as the store allows."""
        deadline = time.monotonic() + ORPHANS_S
        while time.monotonic() < deadline:
            try:
                if self._open().round(check_deaths=True) == 0:
                    if not (self._orphaned and self._open().producers):
                        break
                    time.sleep(ROUND_S)
            except StoreBusy:
                time.sleep(FAILED_ROUND_RETRY_S)
            except StoreUnavailable:
                break  # waiting does not mend it; the journals keep everything
        if self._drain is not None:
            self._drain.sweep()
        if self._writer is not None:
            self._writer.housekeep()
        self._let_go()
        remove_empty_folder(self._home)

    def _parent_is_gone(self, timeout_s: float) -> bool:
        """Wait up to *timeout_s* for a wake-up; True when the parent has closed its end."""
        watched = [self._parent_fd, *self._parent, *self._wakeup.descriptors]
        readable, _, _ = select.select(watched, [], [], timeout_s)
        self._wakeup.clear()
        said = os.read(self._parent_fd, 1) if self._parent_fd in readable else None
        died = said == b"" or any(fd in readable for fd in self._parent)
        self._orphaned = died and said != STOP_INDEXER
        return died or said == STOP_INDEXER


def _pidfd_of_parent() -> list[int]:
    """What becomes readable when the parent ends; nothing if it is gone already."""
    try:
        return [pidfd_open(os.getppid())]
    except OSError:
        return []


def main() -> None:
    """Entry of the process."""
    # A round makes and drops many small objects, none of them in cycles: collecting garbage
    # in the middle of it costs a third of the throughput. It is done when nothing comes.
    gc.disable()
    # A group-wide Ctrl-C must not take the indexer before the processes it indexes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lift_soft_limits()
    home = Path(sys.argv[1])
    indexer = Indexer(home, open_store(home), sys.stdin.fileno())
    signal.signal(signal.SIGTERM, indexer.stop)
    indexer.run()


if __name__ == "__main__":
    main()
