"""What only SQLite has: a file that may be replaced, free space in it, and errors of its driver."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from qntx.errors import StoreBusy, StoreMisuse, StoreUnavailable
from qntx.model.job import JobRequest
from qntx.storage.interfaces import Store
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.space import gives_back
from qntx.storage.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "qntx.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path)
    made.prepare()
    yield made
    made.close()


def enqueue(store: Store) -> None:
    store.queue.enqueue([JobRequest(handler_name="a", source="a")])


def test_a_file_that_was_replaced_is_a_change(store: SqliteStore, path: Path) -> None:
    waiting = threading.Event()
    with closing(store.change_signal()) as signal:
        assert signal.wait(waiting), "whoever begins to listen looks"
        kept = shutil.copy(path, path.with_suffix(".copy"))
        path.unlink()
        with pytest.raises(StoreUnavailable, match="was removed while it was in use"):
            signal.wait(waiting)
        Path(kept).rename(path)
        assert signal.wait(waiting)
        enqueue(store)
        assert signal.wait(waiting), "and of the new file it hears of what changes"
        waiting.set()
        assert not signal.wait(waiting)


def test_what_the_driver_raises_is_told_apart(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StoreMisuse, match="no such table: nowhere"), store.reading():
        store.connection.execute("SELECT 1 FROM nowhere")
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    store.connection.set_busy_timeout(0)
    with pytest.raises(StoreBusy, match="locked"):
        enqueue(store)
    other.close()
    enqueue(store)
    assert store.jobs.counts()["queued"] == 1


def test_a_file_of_an_old_program_is_compacted(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(apsw.Connection(str(path))) as old:
        # More than 10,000 pages, nearly all of them free.
        old.execute("PRAGMA auto_vacuum=NONE; PRAGMA page_size=512; CREATE TABLE large(body)")
        old.execute("INSERT INTO large VALUES(zeroblob(6000000)); DROP TABLE large")
    with closing(SqliteStore(path)) as store:
        assert store.local_file.needs_compacting()
        before = store.size_bytes()
        store.local_file.compact()
        assert not store.local_file.needs_compacting()
        assert store.size_bytes() < before / 2
    with closing(open_database(path)) as db:
        assert gives_back(db)
