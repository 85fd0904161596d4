"""
Threads of ours in a process that runs jobs: they stand still while it forks.

Since Python 3.12 ``os.fork`` warns in a process with more than one thread, and it is right: what
another thread holds stays locked in the child. Ours are no reason for it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Callable

from qntx.locks import holding

#: A thread that does not stand still by then is left to itself, and Python warns.
STANDS_STILL_WITHIN_S = 1.0

#: Some versions count the threads after ``after_in_parent`` has started them again
#: (python/cpython#137109): there they start as soon as ``os.fork`` has returned.
_COUNTED_LATE = (3, 13) <= sys.version_info < (3, 13, 10) or sys.version_info[:3] == (3, 14, 0)

_lock = threading.RLock()
_running: set[BackgroundThread] = set()
#: Those that a fork has stopped, to be started again.
_paused: list[BackgroundThread] = []
#: How many threads of the program are in the middle of a fork.
_forks = 0
_pid = os.getpid()


class BackgroundThread:
    """
    A thread that is stopped and joined before every fork, and started again in the parent.

    Its work has to come to an end soon after its event is set, in a state from which it can be
    called anew. In the child of a fork it does not run; whoever needs it there starts it.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[threading.Event], None],
        *,
        wake: Callable[[], None] | None = None,
    ) -> None:
        """
        Have *work* done by a daemon thread called *name*, with an event that tells it to end.

        *wake*: gets it out of whatever it waits in, if that is not the event.
        """
        self._name = name
        self._work = work
        self._wake = wake
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        #: Guards the two below: what starts it may come just when its work has come to an end.
        self._state = threading.RLock()
        self._works = False
        self._again = False

    def start(self) -> None:
        """Start it; if it runs, its work is called once more when it returns."""
        _watch_forks()
        holding(_lock, self._start)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Have it end, and wait for that; from its own thread: without waiting."""
        holding(_lock, self._end)
        self._wait(timeout_s)

    def _start(self) -> None:
        if holding(self._state, self._runs_on):
            return
        stop = self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(stop,), name=self._name, daemon=True
        )
        self._thread.start()

    def _runs_on(self) -> bool:
        runs = self._thread is not None and self._thread.is_alive() and self._works
        self._again = runs and not self._stop.is_set()
        self._works = True
        _running.add(self)
        return self._again

    def _end(self) -> None:
        if self in _paused:
            _paused.remove(self)
        _running.discard(self)
        self._tell()

    def _run(self, stop: threading.Event) -> None:
        again = True
        while again and not stop.is_set():
            self._work(stop)
            with self._state:
                again, self._again = self._again, False
                self._works = again
                if not again and not stop.is_set():
                    _running.discard(self)

    def _tell(self) -> None:
        self._stop.set()
        if self._wake is not None:
            self._wake()

    def _wait(self, timeout_s: float) -> None:
        thread, ends = self._thread, time.monotonic() + timeout_s
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout_s)
        if thread.native_id == threading.get_native_id():
            return  # gevent made a greenlet of it
        # Up to 3.12 it has ended for Python a moment before it has for the system, which is asked.
        task = f"/proc/self/task/{thread.native_id}"
        while os.path.exists(task) and time.monotonic() < ends:
            time.sleep(0)


@functools.cache
def _watch_forks() -> None:
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )
    if _COUNTED_LATE:
        import ctypes

        def start(_: int | None) -> int:
            # One that another thread has called for just when this one forked: not for the child.
            if os.getpid() == _pid:
                _start_paused()
            return 0

        callback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(start)
        # As it is, in C: after a line of Python the call would not be pending any more.
        call = functools.partial(ctypes.pythonapi.Py_AddPendingCall, callback, None)
        os.register_at_fork(after_in_parent=call)


def _before_fork() -> None:
    holding(_lock, _pause)


def _pause() -> None:
    global _forks
    _forks += 1
    if _forks > 1:
        return
    _paused.extend(_running)
    _running.clear()
    for thread in _paused:
        thread._tell()
    for thread in _paused:
        thread._wait(STANDS_STILL_WITHIN_S)


def _after_fork() -> None:
    holding(_lock, _count_down)
    # A fork beside the main thread is warned of rightly; and that may not run Python for long.
    if not _COUNTED_LATE or threading.current_thread() is not threading.main_thread():
        _start_paused()


def _count_down() -> None:
    global _forks
    _forks = max(0, _forks - 1)


def _start_paused() -> None:
    holding(_lock, _resume)


def _resume() -> None:
    while not _forks and _paused:
        with contextlib.suppress(RuntimeError):  # the interpreter is about to end
            _paused.pop().start()


def _after_fork_in_child() -> None:
    global _lock, _forks, _pid
    _lock, _forks, _pid = threading.RLock(), 0, os.getpid()
    for thread in (*_paused, *_running):
        thread._thread, thread._state, thread._works = None, threading.RLock(), False
    _paused.clear()
    _running.clear()
