"""What the journals hold that is not in the store yet, and how old it is."""

from __future__ import annotations

import os
from typing import NamedTuple

from qntx.clock import now_us
from qntx.config import Settings
from qntx.journal.format import FIRST_RECORD, MAGIC, RECORD, RECORD_SIZE, SegmentName
from qntx.storage.interfaces import Store


class Backlog(NamedTuple):
    """Bytes that wait to be stored, and for how long the oldest of them has, seconds."""

    bytes: int
    age_s: float


def backlog(settings: Settings, store: Store) -> Backlog:
    """The backlog at this moment; raises StoreUnavailable."""
    waiting, oldest_us = 0, None
    # First the offsets: what is stored meanwhile then counts as waiting, not the other way round.
    offsets = store.logs.journal_offsets()
    for path in _segments(settings):
        name = SegmentName.parse(path)
        if name is None:
            continue
        segment, position = offsets.get(name.producer, (name.number, FIRST_RECORD))
        if name.number < segment:
            continue  # stored, about to be removed
        start = max(position, FIRST_RECORD) if name.number == segment else FIRST_RECORD
        unread, at_us = _unread(path, start)
        waiting += unread
        if at_us is not None:
            oldest_us = at_us if oldest_us is None else min(oldest_us, at_us)
    age_s = 0.0 if oldest_us is None else max(0, now_us() - oldest_us) / 1e6
    return Backlog(waiting, age_s)


def _segments(settings: Settings) -> list[str]:
    try:
        with os.scandir(settings.journal) as entries:
            return [entry.path for entry in entries]
    except FileNotFoundError:
        return []


def _unread(path: str, start: int) -> tuple[int, int | None]:
    """Bytes behind *start* that are published, and the time of the first record there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0, None  # stored and removed in this moment
    try:
        head = os.pread(descriptor, 16, 0)
        committed = int.from_bytes(head[8:16], "little")
        if int.from_bytes(head[:8], "little") != MAGIC or committed <= start:
            return 0, None
        record = os.pread(descriptor, RECORD_SIZE, start)
        at_us = RECORD.unpack(record)[7] if len(record) == RECORD_SIZE else None
        return committed - start, at_us
    finally:
        os.close(descriptor)
