"""Whether a data directory has grown too large, or its disk too full; said once per crossing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from qntx.clock import iso, now_us
from qntx.config import Settings
from qntx.storage.interfaces import Store

#: A limit counts as crossed until it is undercut by this share: no message a minute at its edge.
BACK_SHARE = 0.95


class StorageView(msgspec.Struct, frozen=True, kw_only=True):
    """What a data directory takes on its disk, and what is free there."""

    #: The database with its write-ahead log.
    database_bytes: int
    #: What is not in the database yet.
    journal_bytes: int
    free_bytes: int
    #: null: no limit.
    limit_bytes: int | None
    over_limit: bool
    #: What is wrong and what to do; null: nothing.
    message: str | None


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that was crossed, as it is told."""

    event: str
    over: bool
    message: str
    at: str
    storage: StorageView


def measure(settings: Settings, store: Store) -> StorageView:
    """The sizes at this moment."""
    database = store.size_bytes()
    journal = folder_bytes(settings.journal)
    free = free_bytes(settings.home)
    limit = int(settings.storage.limit) or None
    over = limit is not None and database + journal >= limit
    messages = []
    if over:
        messages.append(
            f"the data directory takes {human(database + journal)}, its limit is {human(limit)} - "
            "keep lines for a shorter time (qntx retention) or raise the setting storage.limit"
        )
    if free is not None and free < settings.storage.min_free:
        messages.append(
            f"only {human(free)} are free on the disk of the data directory - free some space: "
            "when it is full, lines wait in memory and are lost beyond that"
        )
    return StorageView(
        database_bytes=database,
        journal_bytes=journal,
        free_bytes=free or 0,
        limit_bytes=limit,
        over_limit=over,
        message="; ".join(messages) or None,
    )


class SizeWatch:
    """Notices crossings; *tell* gets each of them once, also over restarts."""

    def __init__(self, settings: Settings, store: Store, tell: Callable[[Crossing], None]) -> None:
        self._settings = settings
        self._store = store
        self._tell = tell

    def look(self) -> StorageView:
        """Measure, and tell what was crossed since the last look."""
        now = measure(self._settings, self._store)
        taken = now.database_bytes + now.journal_bytes
        self._crossed(
            "storage_limit",
            now,
            now.over_limit,
            now.limit_bytes is None or taken < BACK_SHARE * now.limit_bytes,
            f"the data directory is below its limit again: {human(taken)}",
        )
        least = int(self._settings.storage.min_free)
        self._crossed(
            "low_disk_space",
            now,
            now.free_bytes < least,
            now.free_bytes * BACK_SHARE > least,
            f"there is enough free space on the disk again: {human(now.free_bytes)}",
        )
        return now

    def _crossed(self, event: str, now: StorageView, over: bool, back: bool, relief: str) -> None:
        was = self._store.facts.get(event) is not None
        if over == was or (was and not back):
            return
        crossing = Crossing(
            event=event,
            over=over,
            message=(now.message or "") if over else relief,
            at=iso(now_us()),
            storage=now,
        )
        self._store.facts.set(event, crossing.message if over else None)
        self._tell(crossing)


def folder_bytes(folder: Path) -> int:
    """Bytes that the files of *folder* take on the disk."""
    try:
        with os.scandir(folder) as entries:
            return sum(_allocated(entry) for entry in entries)
    except OSError:
        return 0


def _allocated(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def free_bytes(folder: Path) -> int | None:
    """Bytes free on the disk of *folder*; None where that cannot be known."""
    try:
        return shutil.disk_usage(folder if os.path.isdir(folder) else folder.parent).free
    except OSError:
        return None


def human(size: float | None) -> str:
    """A size for people: ``1.5 GB``."""
    size = float(size or 0)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:.1f} TB"
