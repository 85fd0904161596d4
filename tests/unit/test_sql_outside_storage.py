"""The check that finds SQL: what it takes for a statement, and what for a sentence."""

from __future__ import annotations

import pytest
from tools.sql_outside_storage import is_sql, statements


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM async_ix_jobs WHERE id = ?",
        "\nSELECT count(*)\nFROM log_lines\n",
        "select a, b from jobs where id = ?",
        "INSERT OR IGNORE INTO facts VALUES(?, ?)",
        "insert into facts(name) values(?)",
        "UPDATE jobs SET status = ?",
        "update jobs set status = 'queued'",
        "DELETE FROM jobs",
        "delete from jobs where id = 1",
        "CREATE TABLE IF NOT EXISTS t(a)",
        "CREATE UNIQUE INDEX i ON t(a)",
        "PRAGMA synchronous=NORMAL",
        "pragma user_version",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "begin immediate;",
        "COMMIT",
        "VACUUM",
        "WITH RECURSIVE below(id) AS (VALUES(1))",
        " AND j.handler_name = :handler",
        " WHERE status = 'running' LIMIT ?",
        " ORDER BY rowid",
    ],
)
def test_sql_is_found(text: str) -> None:
    assert is_sql(text)


@pytest.mark.parametrize(
    "text",
    [
        "Delete what the rules say, now, while everything else goes on.",
        "select one from the list",
        "delete from the list what has expired",
        "update the settings, then set the token",
        "Insert into the folder whatever you like",
        "begin",
        "commit",
        "Create a table of what was found",
        "GET /api/pulse/jobs",
        "Where it is, and what WHERE means",
        "the ORDER of jobs",
    ],
)
def test_a_sentence_is_none(text: str) -> None:
    assert not is_sql(text)


def test_strings_are_taken_whole_and_docstrings_passed_over() -> None:
    source = '''
def rows(table, db):
    """SELECT id FROM jobs: only told of."""
    db.execute("DELETE FROM "
               "jobs")
    db.execute(f"INSERT INTO {table} VALUES(1)")
    return b"SELECT 1 FROM x"
'''
    assert sorted(statements(source)) == [
        (4, "DELETE FROM jobs"),
        (6, "INSERT INTO x VALUES(1)"),
        (7, "SELECT 1 FROM x"),
    ]
