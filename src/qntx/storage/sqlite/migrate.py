"""Numbered migrations, each in one transaction; an old program refuses a newer database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from qntx.clock import iso, now_us
from qntx.errors import StoreUnavailable
from qntx.journal.write_errors import size_limit_as_error
from qntx.storage.sqlite.connection import BUSY_TIMEOUT_MS, connect, transaction, unavailable

if TYPE_CHECKING:
    from qntx.application import Application

_TABLE = (
    "CREATE TABLE IF NOT EXISTS schema_migrations("
    "version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL,"
    " applied_at TEXT NOT NULL)"
)


#: Version, name, SQL.
Migration = tuple[int, str, str]


def known() -> list[Migration]:
    """The migrations of the runtime, in order; number 2 belongs to an application by now."""
    return numbered("qntx.storage.sqlite.migrations")


def open_database(
    path: Path,
    *,
    make: bool = True,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    applications: Iterable[Application] = (),
) -> apsw.Connection:
    """As :func:`connect`, brought up to date where needed, with the tables of *applications*."""
    with size_limit_as_error():
        return _opened(path, make, busy_timeout_ms, applications)


def _opened(
    path: Path, make: bool, busy_timeout_ms: int, applications: Iterable[Application]
) -> apsw.Connection:
    connection = connect(path, make=make, busy_timeout_ms=busy_timeout_ms)
    try:
        migrate(connection, applications)
    except apsw.Error as error:
        cause = unavailable(path, error, connection)
        connection.close()
        raise cause from error
    return connection


def migrate(connection: apsw.Connection, applications: Iterable[Application] = ()) -> list[str]:
    """
    Bring the database up to date; returns the names of the migrations that were applied.

    Raises StoreUnavailable when the database was made by a newer program, or when a migration
    that was applied reads differently today.
    """
    bringing = [one for one in applications if "sqlite" in one.migrations]
    if _version(connection) == known()[-1][0] and all(_is_done(connection, a) for a in bringing):
        return []
    # One transaction around the check and the change: of several processes that start at once,
    # exactly one migrates and the others find it done.
    with transaction(connection):
        applied = _migrate_runtime(connection)
        for application in bringing:
            applied += _migrate_application(connection, application)
    return applied


def _migrate_runtime(connection: apsw.Connection) -> list[str]:
    connection.execute(_TABLE)
    done = dict(connection.execute("SELECT version, sha256 FROM schema_migrations"))
    applied = []
    for version, name, sql, digest in _missing(known(), done, "qntx"):
        connection.execute(sql)
        row = (version, name, digest, iso(now_us()))
        connection.execute("INSERT INTO schema_migrations VALUES(?,?,?,?)", row)
        applied.append(name)
    connection.execute(f"PRAGMA user_version={known()[-1][0]}")
    return applied


def _migrate_application(connection: apsw.Connection, application: Application) -> list[str]:
    """
    As :func:`migrate`, for *application*, whose versions are numbers of its own.

    One that was part of the runtime once finds its tables in an old database: a migration that was
    applied with the very same text is taken over.
    """
    applied = []
    done = _applied(connection, application)
    old = {digest for (digest,) in connection.execute("SELECT sha256 FROM schema_migrations")}
    migrations = numbered(application.migrations["sqlite"])
    for version, name, sql, digest in _missing(migrations, done, application.name):
        if digest not in old:
            connection.execute(sql)
            applied.append(name)
        row = (application.name, version, name, digest, iso(now_us()))
        connection.execute("INSERT INTO application_migrations VALUES(?,?,?,?,?)", row)
    return applied


def _is_done(connection: apsw.Connection, application: Application) -> bool:
    versions = {version for version, *_ in numbered(application.migrations["sqlite"])}
    return _applied(connection, application).keys() == versions


def _applied(connection: apsw.Connection, application: Application) -> dict[int, str]:
    sql = "SELECT version, sha256 FROM application_migrations WHERE application = ?"
    return dict(connection.execute(sql, (application.name,)))


def _missing(
    migrations: list[Migration], done: dict[int, str], program: str
) -> Iterator[tuple[int, str, str, str]]:
    """Those of *migrations* that are not *done*, each with its SHA-256."""
    newest = max(done, default=0)
    if newest > migrations[-1][0]:
        raise StoreUnavailable(
            f"the database has schema version {newest} of {program}, this program knows up to "
            f"{migrations[-1][0]} - use the newer {program}, or another QNTX_HOME"
        )
    for version, name, sql in migrations:
        digest = hashlib.sha256(sql.encode()).hexdigest()
        if version not in done:
            yield version, name, sql, digest
        elif done[version] != digest:
            raise StoreUnavailable(
                f"migration {version:04d}_{name} was applied with another text - "
                f"this database was made by a different build of {program}"
            )


@cache
def numbered(package: str) -> list[Migration]:
    """The migrations in the package *package*, in order."""
    found = sorted((f.name, f) for f in files(package).iterdir() if f.name.endswith(".sql"))
    return [(int(name[:4]), name[5:-4], f.read_text("utf-8")) for name, f in found]


def _version(connection: apsw.Connection) -> int:
    """The schema version that the file's header carries (0 for a new file)."""
    for (version,) in connection.execute("PRAGMA user_version"):
        return int(version)
    return 0
