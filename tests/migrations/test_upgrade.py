"""Opening an old database: every migration, the schema of a new one, and nothing broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .opened import (
    APPLIED,
    FROZEN,
    GIVEN_AWAY,
    MIGRATIONS,
    OPEN,
    Frozen,
    Unavailable,
    all_frozen,
    ask,
    qntx,
    rows,
    schema,
    upgrade,
    version_of,
)

NEWEST = {owner: known()[-1][0] for owner, known in MIGRATIONS.items()}


@pytest.mark.parametrize("owner", MIGRATIONS)
def test_every_version_that_there_is_a_migration_for_is_frozen(owner: str) -> None:
    frozen = [one.version for one in all_frozen() if one.owner == owner]
    known = {version for version, _, _ in MIGRATIONS[owner]()}
    assert frozen == sorted(known | GIVEN_AWAY), (
        f"see {FROZEN.parent / 'README.md'}: a new migration needs a frozen database"
    )


def test_it_was_frozen_at_its_version(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    assert version_of(path, frozen.owner) == frozen.version
    assert ask(path, "PRAGMA auto_vacuum") == [(2,)], "space can be given back"
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


def test_all_migrations_are_applied_and_nothing_is_broken(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    notes = f"SELECT * FROM {APPLIED[frozen.owner]} ORDER BY version"
    applied = ask(path, notes)
    upgrade(path)
    after = ask(path, notes)
    kept = [row[:2] for row in after if row[0] not in GIVEN_AWAY]
    assert kept == [row[:2] for row in MIGRATIONS[frozen.owner]()]
    assert after[: len(applied)] == applied, "what was applied is not applied again"
    assert version_of(path, frozen.owner) == NEWEST[frozen.owner]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "PRAGMA foreign_key_check") == []


def test_its_schema_is_that_of_a_new_database(frozen: Frozen, tmp_path: Path) -> None:
    old, new = frozen.thaw(tmp_path / "home"), tmp_path / "new" / "qntx.db"
    upgrade(old)
    upgrade(new)
    assert schema(old) == schema(new)
    assert len(schema(new)) > 60


def test_no_row_is_lost(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    before = rows(path)
    upgrade(path)
    for sql, kept in before.items():
        assert ask(path, sql) == kept, sql


def test_a_newer_database_is_refused_and_left_as_it_is(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    ask(path, f"INSERT INTO {APPLIED[frozen.owner]} VALUES(999, 'tomorrow', '', '')")
    ask(path, "PRAGMA user_version = 999")
    before = schema(path)
    sentence = (
        "the database has schema version 999 of qntx, this program knows up to "
        f"{NEWEST[frozen.owner]} - use the newer qntx, or another QNTX_HOME"
    )
    with pytest.raises(Unavailable) as raised:
        upgrade(path)
    assert sentence in str(raised.value)
    refused = qntx(path.parent, "jobs")
    assert refused.exit_code != 0
    assert sentence in refused.stderr
    assert schema(path) == before
    assert version_of(path, frozen.owner) == 999


def test_a_migration_that_reads_differently_today_is_refused(
    frozen: Frozen, tmp_path: Path
) -> None:
    path = frozen.thaw(tmp_path / "home")
    _, name, _ = MIGRATIONS[frozen.owner]()[0]
    ask(path, f"UPDATE {APPLIED[frozen.owner]} SET sha256 = 'other' WHERE version = 1")
    ask(path, "PRAGMA user_version = 0")
    with pytest.raises(Unavailable, match=f"0001_{name} was applied with another text"):
        upgrade(path)


@pytest.mark.slow
def test_many_processes_open_an_old_database_at_once(tmp_path: Path) -> None:
    path = all_frozen()[0].thaw(tmp_path / "home")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(path)],
            stdin=subprocess.PIPE,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:  # all have loaded, and wait for this
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "opened\n"), err
    versions = ask(path, "SELECT version FROM schema_migrations ORDER BY version")
    assert versions == [(version,) for version, _, _ in MIGRATIONS["qntx"]()]
