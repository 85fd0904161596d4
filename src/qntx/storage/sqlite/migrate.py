"""Numbered migrations, each in one transaction; an old program refuses a newer database."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import apsw

from qntx.clock import iso, now_us
from qntx.errors import StoreUnavailable
from qntx.storage.sqlite.connection import BUSY_TIMEOUT_MS, connect, transaction, unavailable

_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_migrations("
    "version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL,"
    " applied_at TEXT NOT NULL)"
)


def known() -> list[tuple[int, str, str]]:
    """The migrations this program brings: (version, name, SQL), in order."""
    folder = files("qntx.storage.sqlite") / "migrations"
    found = sorted((f.name, f) for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name[:4]), name[5:-4], f.read_text("utf-8")) for name, f in found]


def open_database(
    path: Path, *, make: bool = True, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> apsw.Connection:
    """As :func:`connect`, brought up to date where needed."""
    connection = connect(path, make=make, busy_timeout_ms=busy_timeout_ms)
    try:
        migrate(connection)
    except apsw.Error as error:
        connection.close()
        raise unavailable(path, error) from error
    return connection


def migrate(connection: apsw.Connection) -> list[str]:
    """
    Bring the database up to date; returns the names of the migrations that were applied.

    Raises StoreUnavailable when the database was made by a newer program, or when a migration
    that was applied reads differently today.
    """
    migrations = known()
    if _version(connection) == migrations[-1][0]:
        return []
    applied: list[str] = []
    # One transaction around the check and the change: of several processes that start at once,
    # exactly one migrates and the others find it done.
    with transaction(connection):
        connection.execute(_TABLE)
        done = dict(connection.execute("SELECT version, sha256 FROM schema_migrations"))
        newest = max(done, default=0)
        if newest > migrations[-1][0]:
            raise StoreUnavailable(
                f"the database has schema version {newest}, this program knows up to "
                f"{migrations[-1][0]} - use the newer qntx, or another QNTX_HOME"
            )
        for version, name, sql in migrations:
            digest = hashlib.sha256(sql.encode()).hexdigest()
            if version in done:
                if done[version] != digest:
                    raise StoreUnavailable(
                        f"migration {version:04d}_{name} was applied with another text - "
                        "this database was made by a different build of qntx"
                    )
                continue
            connection.execute(sql)
            connection.execute(
                "INSERT INTO schema_migrations VALUES(?,?,?,?)",
                (version, name, digest, iso(now_us())),
            )
            applied.append(name)
        connection.execute(f"PRAGMA user_version={migrations[-1][0]}")
    return applied


def _version(connection: apsw.Connection) -> int:
    """The schema version that the file's header carries (0 for a new file)."""
    for (version,) in connection.execute("PRAGMA user_version"):
        return int(version)
    return 0
