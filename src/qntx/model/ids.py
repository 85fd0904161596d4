"""Ids: a two-letter prefix and a time-sortable random part (a ULID in Crockford's base 32)."""

from __future__ import annotations

import os
import re
import threading
import time

from qntx.locks import holding

#: What any id may look like from outside; ids are opaque and never become part of a path.
ID_PATTERN = re.compile(r"[A-Za-z0-9_\-]{1,64}")


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Two digits at once: jobs are enqueued by the ten thousand.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(120, -1, -10)
_lock = threading.RLock()
_last = 0
_forgets_in_children = False


def new_id(prefix: str) -> str:
    """A new id such as ``JB_01JD3ZP0V4…``; later ids of one process sort after earlier ones."""
    number = holding(_lock, _next)
    return f"{prefix}_{''.join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])}"


def _next() -> int:
    global _last, _forgets_in_children
    if not _forgets_in_children:
        os.register_at_fork(after_in_child=_forget)
        _forgets_in_children = True
    # 48 bits of milliseconds, 80 random ones; within a millisecond it counts up.
    number = time.time_ns() // 1_000_000 << 80
    if number <= _last | (1 << 80) - 1:
        number = _last + 1
    else:
        # Room to count: the first of the random bits is 0.
        number |= int.from_bytes(os.urandom(10)) >> 1
    _last = number
    return number


def _forget() -> None:
    """A forked child must not count on from where its parent was: both would give the same ids."""
    global _lock, _last
    _lock, _last = threading.RLock(), 0


def is_id(text: str) -> bool:
    """Whether *text* could be an id at all."""
    return ID_PATTERN.fullmatch(text) is not None
