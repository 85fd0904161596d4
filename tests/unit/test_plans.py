"""Statements are planned once, whatever values are bound to them."""

from __future__ import annotations

from pathlib import Path

import apsw

from qntx.storage.sqlite.migrate import open_database

#: A limit below others is what SQLite plans anew for, left to itself: such as that of a claim.
STATEMENT = """
UPDATE async_ix_jobs SET status = 'running' WHERE rowid IN (SELECT rowid FROM async_ix_jobs
WHERE status = 'queued' AND handler_name = 'none' ORDER BY priority DESC LIMIT ?) RETURNING id
"""


def allocations(connection: apsw.Connection) -> int:
    """How much memory was asked for so far: hundreds of times for a plan, a few without one."""
    counters = (apsw.SQLITE_DBSTATUS_LOOKASIDE_MISS_FULL, apsw.SQLITE_DBSTATUS_LOOKASIDE_HIT)
    return sum(max(connection.status(counter)) for counter in counters)


def asked_for(connection: apsw.Connection) -> int:
    """Of the statement, run again with another limit than the first time."""
    connection.execute(STATEMENT, (1,)).fetchall()
    before = allocations(connection)
    connection.execute(STATEMENT, (10,)).fetchall()
    return allocations(connection) - before


def test_another_limit_makes_no_other_plan(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "qntx.db")
    assert asked_for(connection) < 50
    connection.close()


def test_left_to_itself_sqlite_makes_another_one(tmp_path: Path) -> None:
    """The count counts: this is what the setting of our connections is for."""
    open_database(tmp_path / "qntx.db").close()
    connection = apsw.Connection(str(tmp_path / "qntx.db"))
    assert asked_for(connection) > 300
    connection.close()
