"""A migration that does not come to its end leaves the old version, and the next open upgrades."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .opened import OPEN, Frozen, Unavailable, all_frozen, ask, rows, schema, upgrade, version_of

pytestmark = pytest.mark.slow

OLDER = all_frozen()[:-1]
#: Dies before its statement number LAST, and tells how many there were; what is not committed is
#: in the write-ahead log by then.
DYING = """
import os, signal, sys, apsw
LAST = int(sys.argv[2])
count = 0
def watch(connection):
    def trace(cursor, sql, bindings):
        global count
        count += connection.in_transaction
        if count == LAST:
            connection.cache_flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return True
    connection.exec_trace = trace
apsw.connection_hooks.append(watch)
"""


def opened_until(path: Path, last: int) -> subprocess.CompletedProcess[str]:
    """A process opens the database, and is killed before that statement of the transaction."""
    script = f"{DYING}\n{OPEN}\nprint(count)"
    return subprocess.run(
        [sys.executable, "-c", script, str(path), str(last)],
        input="",
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("frozen", OLDER, ids=str)
def test_killed_in_the_middle(frozen: Frozen, tmp_path: Path, chance: random.Random) -> None:
    whole = frozen.thaw(tmp_path / "whole")
    opened = opened_until(whole, -1)
    assert opened.returncode == 0, opened.stderr
    statements = int(opened.stdout.split()[-1])
    path = frozen.thaw(tmp_path / "home")
    before, old = rows(path), schema(path)
    for last in (statements, chance.randrange(5, statements)):
        killed = opened_until(path, last)
        assert killed.returncode == -signal.SIGKILL, killed
        assert path.with_name("qntx.db-wal").stat().st_size > 4096, "nothing was written yet"
        check_old(path, frozen)
        assert (rows(path), schema(path)) == (before, old)
    upgrade(path)
    assert schema(path) == schema(whole)
    for sql, kept in before.items():
        assert ask(path, sql) == kept, sql


@pytest.mark.parametrize("frozen", [one for one in OLDER if one.version < 7], ids=str)
def test_failed_in_a_later_migration(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    # What the migration 0007 makes is there: it fails, after those before it went well.
    ask(path, "CREATE INDEX contexts_by_stage ON log_contexts (stage)")
    before, old = rows(path), schema(path)
    with pytest.raises(Unavailable, match="contexts_by_stage"):
        upgrade(path)
    check_old(path, frozen)
    assert (rows(path), schema(path)) == (before, old)
    ask(path, "DROP INDEX contexts_by_stage")
    upgrade(path)
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert version_of(path, frozen.owner) > frozen.version
    for sql, kept in before.items():
        assert ask(path, sql) == kept, sql


def check_old(path: Path, frozen: Frozen) -> None:
    """The database is still of the version that was frozen."""
    assert version_of(path, frozen.owner) == frozen.version
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
