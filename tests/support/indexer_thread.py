"""The indexer in a thread of the test's own process, for tests that are not about processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qntx.indexer.process import Indexer
from qntx.journal.wakeup import STOP_INDEXER, Wakeup
from qntx.storage import open_store


class _Indexer(Indexer):
    """An indexer that lets go of all that it holds: no end of a process does it."""

    def run(self) -> None:
        super().run()
        self._leadership.release()
        self._store.close()
        for descriptor in (*self._parent, *self._wakeup.descriptors):
            os.close(descriptor)


class IndexerThread:
    """What :class:`qntx.indexer.launch.IndexerProcess` is to its owner."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home = home
        self._read, self._write = os.pipe()
        indexer = _Indexer(home, open_store(home), self._read)
        self._thread = threading.Thread(target=indexer.run, name="indexer")
        self._thread.start()

    def ensure(self) -> bool:
        """It does not die by itself."""
        assert self._thread.is_alive(), "the indexer has died"
        return False

    def stop(self) -> None:
        """Have it store what is published, then end."""
        os.write(self._write, STOP_INDEXER)
        Wakeup(self._home).notify()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the indexer did not end"
        os.close(self._read)
        os.close(self._write)


@contextmanager
def indexer_in_a_thread() -> Iterator[None]:
    """Applications that want an indexer get one that is a thread, until the end of the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qntx.app.IndexerProcess", IndexerThread)
        yield
