"""How large the database is, and how it gives space back to the disk."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from qntx.storage.interfaces.retention import Space

_INCREMENTAL = 2


def space(connection: apsw.Connection) -> Space:
    """The pages of the database."""
    return Space(
        *(_pragma(connection, name) for name in ("page_size", "page_count", "freelist_count"))
    )


def gives_back(connection: apsw.Connection) -> bool:
    """Whether free pages can be given back step by step; databases of old programs cannot."""
    return _pragma(connection, "auto_vacuum") == _INCREMENTAL


def give_back(connection: apsw.Connection, pages: int) -> None:
    """Move up to *pages* pages from the end of the file into free ones, and cut it there."""
    connection.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()


def checkpoint(connection: apsw.Connection) -> None:
    """Fold the write-ahead log into the database, as far as its readers allow; waits for none."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def compact(connection: apsw.Connection) -> None:
    """
    Write the whole database anew, without free pages, so that it gives space back from then on.

    Nobody else can write while it works (some seconds a gigabyte), and it needs as much space
    again. Raises apsw.Error when somebody writes, or the disk is full.
    """
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL").fetchall()
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def database_bytes(path: Path) -> int:
    """Bytes of the database and its write-ahead log; its files are never opened here."""
    return sum(_size(f"{path}{suffix}") for suffix in ("", "-wal", "-shm"))


def _size(path: str) -> int:
    try:
        return os.stat(path, follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def _pragma(connection: apsw.Connection, name: str) -> int:
    for (value,) in connection.execute(f"PRAGMA {name}"):
        return int(value)
    return 0
