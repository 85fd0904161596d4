"""Connections to the SQLite file: one way to open it, one way to write to it."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT
from pathlib import Path

import apsw

from qntx.errors import SEE_DOCTOR, StoreBusy, StoreMisuse, StoreUnavailable
from qntx.journal.segment import private_folder
from qntx.journal.write_errors import read_only_reason, reason_of_number
from qntx.storage.sqlite.lock_owner import lock_owner_of
from qntx.storage.sqlite.writer_fairness import busy_handler, waiting_to_write

BUSY_TIMEOUT_MS = 5_000
#: Errors that are mistakes in a statement of ours, not the condition of the database.
_MISUSE = (apsw.SQLError, apsw.BindingsError, apsw.MisuseError, apsw.MismatchError)


def connect(
    path: Path, *, make: bool = True, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> apsw.Connection:
    """
    A connection to the database at *path*, in WAL mode with foreign keys on.

    *make* says whether one that is missing is made. It is not where it was there before: an empty
    one would hide that all is gone, and be in the way of a backup.

    Raises StoreUnavailable when the file cannot be opened or is no database.
    """
    if not make and not path.exists():
        raise removed(path)
    connection = None
    try:
        private_folder(path.parent)
        # SQLite makes its files with the mode of the database: nobody else reads what jobs say.
        # (One that exists is never opened here: closing it would drop SQLite's own locks.)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES), str(path))
        connection = apsw.Connection(str(path))
        connection.set_busy_handler(busy_handler(busy_timeout_ms / 1000))
        _set_up(connection, busy_timeout_ms / 1000)
    except (apsw.Error, OSError) as error:
        raise unavailable(path, error, connection) from error
    return connection


def _set_up(connection: apsw.Connection, busy_timeout_s: float) -> None:
    """Modes and limits; of an existing database this reads only, so it waits for no writer."""
    # A plan is made once: SQLite otherwise makes one anew whenever another value is bound to a
    # LIMIT, or to what an index is chosen by (measured: a claim took ten times as long).
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            if connection.execute("PRAGMA page_count").fetchall() == [(0,)]:
                # Before anything else: it gives space back (retention).
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            break
        except apsw.BusyError:
            # Several processes make a new database at once: that, SQLite does not wait for.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    connection.execute(
        "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-16000"
    ).fetchall()


def is_moved(connection: apsw.Connection) -> bool:
    """
    Whether the file of *connection* is no longer the one that its path names.

    Somebody has removed or replaced it: what is written from now on is seen by nobody else, and
    gone with the last connection. SQLite itself looks only where there is no write-ahead log.
    """
    moved = ctypes.c_int(0)
    connection.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(moved))
    return moved.value != 0


def removed(path: Path) -> StoreUnavailable:
    """The clear error for a database at *path* that went away while it was in use."""
    return StoreUnavailable(
        f"the database {path} was removed while it was in use - put it back, or restart qntx to "
        "begin with an empty one; what runs report is kept meanwhile"
    )


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """
    One write transaction: committed at the end, rolled back on any exception.

    It begins IMMEDIATE, because a busy timeout does not help a transaction that has read and
    then wants to write.
    """
    with waiting_to_write(os.path.dirname(connection.filename)):
        connection.execute("BEGIN IMMEDIATE")
    with committing(connection):
        yield connection


@contextmanager
def committing(connection: apsw.Connection) -> Iterator[None]:
    """The rest of a transaction that has begun: commit, or roll back on any exception."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def unavailable(
    path: Path, error: Exception, connection: apsw.Connection | None = None
) -> StoreUnavailable:
    """The clear error for a database at *path* that *connection*, if it is open, cannot use."""
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        return StoreUnavailable(
            f"the database {path} is damaged ({error}) - it was left as it is; "
            "restore a backup, or move the file away to start with an empty one"
        )
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        owner = lock_owner_of(path)
        if owner is not None and owner.stopped:
            return StoreBusy(f"the database {path} is locked by {owner.text}")
        by = "another process" if owner is None else owner.text
        return StoreBusy(f"the database {path} is locked by {by} - try again when that one is done")
    if isinstance(error, apsw.FullError):
        return StoreBusy(
            f"the disk under {path} is full - free some space; what runs report is kept meanwhile"
        )
    number = _number_behind(error, connection)
    if number:
        kind = StoreBusy if number == EDQUOT else StoreUnavailable
        return kind(
            f"the database {path} cannot be used: {reason_of_number(number)} ({error}) - "
            "mend that; what runs report is kept meanwhile"
        )
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | PermissionError):
        why = read_only_reason(path) or error
        return StoreUnavailable(
            f"the database {path} cannot be opened for writing ({why}) - "
            "check the folder's permissions and owner, or set QNTX_HOME to another folder"
        )
    wrong = StoreMisuse if isinstance(error, _MISUSE) else StoreUnavailable
    return wrong(f"the database {path} cannot be used: {error}{SEE_DOCTOR}")


def _number_behind(error: Exception, connection: apsw.Connection | None) -> int:
    """The error number of the system that says more than *error* does; 0 where there is none."""
    if isinstance(error, apsw.IOError):
        return connection.system_errno if connection is not None else 0
    if isinstance(error, apsw.CantOpenError):
        # Of a file that it cannot open SQLite does not say why: permissions, mostly, or this.
        try:
            os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as more:
            return more.errno or 0
    if isinstance(error, OSError) and not isinstance(error, PermissionError):
        return error.errno or 0
    return 0
