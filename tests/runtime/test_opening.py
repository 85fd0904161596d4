"""Opening a database: many at once while it is new, and at any time while somebody writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from qntx.storage.sqlite.connection import connect
from qntx.storage.sqlite.migrate import open_database

OPEN = """
import sys
from pathlib import Path
from qntx.storage.sqlite.migrate import open_database
sys.stdin.read()
db = open_database(Path(sys.argv[1]))
print(db.execute("PRAGMA journal_mode").fetchone()[0])
"""


@pytest.mark.slow
def test_many_processes_make_a_new_database_at_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "qntx.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path)],
            stdin=subprocess.PIPE,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    for process in processes:  # all have loaded, and wait for this
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip()) == (0, "wal"), err
    with connect(path) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,), "space can be given back"
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_reading_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "home" / "qntx.db"
    writer = open_database(path)
    writer.execute("BEGIN IMMEDIATE")
    reader = open_database(path, busy_timeout_ms=1)
    assert reader.execute("SELECT count(*) FROM async_ix_jobs").fetchone() == (0,)
    with pytest.raises(apsw.BusyError):
        reader.execute("BEGIN IMMEDIATE")
    writer.execute("ROLLBACK")
    for db in (reader, writer):
        db.close()
