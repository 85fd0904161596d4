"""A lock that is free afterwards, whatever a signal handler throws, and wherever it strikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from _thread import RLock

T = TypeVar("T")
Given = TypeVarTuple("Given")


def holding(lock: RLock, work: Callable[[*Given], T], *arguments: *Given) -> T:
    """
    ``work(*arguments)`` with *lock* held, which is free afterwards whatever was thrown, and where.

    A ``with`` alone leaves that to the version of Python: with 3.14 an exception thrown by a
    signal handler may come when the lock is taken and the block has not begun. Whether this thread
    holds it is asked of the lock, so that no moment counts; who holds it already takes it no more.
    """
    is_ours: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]
    if is_ours():
        return work(*arguments)
    try:
        with lock:
            return work(*arguments)
    except BaseException:
        if is_ours():
            lock.release()
        raise
