"""
The relay of this process: started before the first stream, shared with workers, replaced at death.

A stream is handed over twice, to the relay and to a holder: a thread of the process that started
the relay. What both hold survives the death of either, and of whoever made the stream.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import threading

from qntx.journal import relay_process
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.relay_connection import Connection
from qntx.journal.relay_holder import Holder, forget_leaving, reap
from qntx.locks import holding

_lock = threading.RLock()
_room_wait_s = relay_process.MOST_WAIT_S
_connection: Connection | None = None
_holder: Holder | None = None
#: Whether workers use it, too.
_is_shared = False
#: A relay without streams ends within milliseconds; no more is waited for one with some.
_REAP_WITHIN_S = 0.02


def hand_over(pipe: int, file: int) -> None:
    """
    Have what comes out of *pipe* (a read end) moved to *file*, from now to its end.

    Starts the relay if there is none. Raises OSError where it can be neither reached nor started.
    """
    holding(_lock, _hand_over, pipe, file)


def ensure() -> Connection:
    """The way to the relay of this process, for its workers, to its end; raises OSError."""
    global _is_shared
    _is_shared = True
    return holding(_lock, _ensure)


def release() -> None:
    """Nothing is recorded in this process any more: its relay ends with what is left behind."""
    if not _is_shared and _holder is not None:
        holding(_lock, _let_go)
        reap(_REAP_WITHIN_S)


def _hand_over(pipe: int, file: int) -> None:
    if _connection is not None:
        try:
            _connection.send(pipe, file)
            return
        except OSError as error:
            reraise_from_signal(error)
            _let_go()
    _ensure().send(pipe, file)


def _ensure() -> Connection:
    global _connection, _holder
    if _connection is None:
        _watch_forks()
        reap(0)
        _holder = Holder(_room_wait_s)
        _connection = _holder.connection
    return _connection


def set_room_wait(seconds: float) -> None:
    """How long output waits for room on the disk before it is dropped, where a relay starts now."""
    global _room_wait_s
    _room_wait_s = seconds


def connect(relay: int, holder: int) -> None:
    """In a worker: use the relay of the process that started it, by the sockets it inherited."""
    global _connection
    _watch_forks()
    ends = socket.socket(fileno=relay), socket.socket(fileno=holder)
    for end in ends:
        end.set_inheritable(False)
    _connection = Connection(*ends)


def relay_pid() -> int | None:
    """The process id of the relay that this process has started; None: it uses another's."""
    return _holder.pid if _holder is not None else None


def _let_go() -> None:
    global _connection, _holder
    if _holder is not None:
        _holder.let_go()
    if _connection is not None:
        _connection.close()
    _connection = _holder = None


def _after_fork_in_child() -> None:
    global _lock, _holder
    _lock = threading.RLock()
    if _holder is not None:
        _holder.let_go()
        _holder = None
    forget_leaving()


def _end() -> None:
    _let_go()
    forget_leaving()


@functools.cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_after_fork_in_child)
    atexit.register(_end)
