"""
Descriptors 1 and 2 of processes that ``multiprocessing`` starts anew (spawn, forkserver).

A child of its own has streams of its own, as a subprocess has; what the workers of a pool write
goes to the run that they work for; and the fork server and the resource tracker, which outlive the
run that happens to need them first, have none of the run's.
"""

from __future__ import annotations

import fcntl
import operator
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import reduction, spawn, util
from typing import Any

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.journal.spool import Spool
from qntx.recording import descriptors, lines
from qntx.recording.context import ActiveRun
from qntx.recording.patches import Patches
from qntx.recording.subprocesses import finish_spools, open_spool

_patches = Patches()
_original_spawn: Callable[[Any, list[Any], Any], int]
_original_preparation: Callable[..., dict[str, Any]]
#: Where another process may open a stream of this one, what it is then (device, inode), and where
#: what was there before the run.
Place = tuple[str, int, int, str]


class _Starting(threading.local):
    """Per thread: what the child that is being started gets."""

    descriptors: _Descriptors | None = None


_starting = _Starting()


def install() -> None:
    """Have children begin with the right descriptors, and what outlives the run with others."""
    global _original_spawn, _original_preparation
    _original_spawn = _patches.replace(util, "spawnv_passfds", _spawn)
    _original_preparation = _patches.replace(spawn, "get_preparation_data", _preparation)


def uninstall() -> None:
    """Put the functions back."""
    _patches.put_back()


# -- what lives longer than the run ----------------------------------------------------------------


def _spawn(path: Any, args: list[Any], passfds: Any) -> int:
    """``spawnv_passfds``: the fork server and resource trackers get what we had before the run."""
    outside = descriptors.outside()
    if not outside or "-c" not in args or "spawn_main" in args[args.index("-c") + 1]:
        return _original_spawn(path, args, passfds)
    place = args.index("-c") + 1
    out, err = outside
    first = f"import os; os.dup2({out}, 1); os.dup2({err}, 2); os.closerange({out}, {out + 1})"
    code = f"{first}; os.closerange({err}, {err + 1}); {args[place]}"
    args = [*args[:place], code, *args[place + 1 :]]
    return _original_spawn(path, args, sorted({*map(int, passfds), *outside}))


# -- a child of its own ----------------------------------------------------------------------------


@contextmanager
def child_streams(
    method: str, active: ActiveRun, scope: Scope, *, pool: bool
) -> Iterator[list[Spool]]:
    """
    What is started inside by *method* has streams of its own in *scope*, which are given.

    The worker of a *pool* has those of the run: it works for whoever asks.
    """
    spools: list[Spool] = []
    fds = {1: 1, 2: 2} if method == "forkserver" else {}
    try:
        if method in ("spawn", "forkserver") and not pool:
            for number, stream in enumerate(descriptors.STREAMS, 1):
                if descriptors.leads_to_spool(number):
                    spools.append(open_spool(active, scope, stream, "fd"))
                    fds[number] = spools[-1].fd
    except OSError as error:
        reraise_from_signal(error)
        lines.log_credited_at_large(active, scope, "a child", error)
        finish_spools(active, scope, spools)
        fds = {number: number for number in fds} if method == "forkserver" else {}
    _starting.descriptors = _Descriptors(fds) if fds else None
    try:
        yield spools
    except BaseException:
        finish_spools(active, scope, spools)
        raise
    finally:
        _starting.descriptors = None
        for spool in spools:
            spool.close()


def _preparation(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """What a child is told first: with its descriptors, which it has before it imports anything."""
    data = _original_preparation(*args, **kwargs)
    if _starting.descriptors is not None:
        data["qntx_descriptors"] = _starting.descriptors
    return data


class _Descriptors:
    """Unpickled in a child, it puts *fds* behind the descriptors that they are the values of."""

    def __init__(self, fds: dict[int, int]) -> None:
        self._fds = fds

    def __reduce__(self) -> tuple[Any, ...]:
        calls: list[_Call] = []
        for number, fd in self._fds.items():
            passed = _Call(operator.methodcaller("detach"), reduction.DupFd(fd))
            calls += [_Call(os.dup2, passed, number), _Call(os.close, passed)]
        return list, (calls,)


class _Call:
    """Unpickled, a call: a child that has no module of ours yet can make it."""

    def __init__(self, function: Any, *args: Any) -> None:
        self._call = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


# -- the workers of pools --------------------------------------------------------------------------


def shared_streams() -> tuple[Place, ...]:
    """Where the workers of pools find the streams of this process's run; empty: it has none."""
    places = []
    folder = f"/proc/{os.getpid()}/fd"
    for number, outside in enumerate(descriptors.outside(), 1):
        if not descriptors.leads_to_spool(number):
            return ()
        found = os.fstat(number)
        places.append((f"{folder}/{number}", found.st_dev, found.st_ino, f"{folder}/{outside}"))
    return tuple(places)


@contextmanager
def writing_to(places: tuple[Place, ...]) -> Iterator[None]:
    """
    In the worker of a pool: what the code inside writes to descriptors 1 and 2 goes there.

    Afterwards the worker holds nothing of the run, of which nobody knows how long it idles: not
    even if it was born in it.
    """
    after: dict[int, int] = {}
    try:
        for number, place in enumerate(places, 1):
            with suppress(OSError):  # who asked is gone, or is somebody else's
                _write_to(number, place, after)
        yield
    finally:
        if after:
            descriptors.flush_c()
        for number, fd in after.items():
            os.dup2(fd, number)
            os.close(fd)


def _write_to(number: int, place: Place, after: dict[int, int]) -> None:
    path, device, inode, outside = place
    if _is(number, device, inode):
        after[number] = _opened(outside)
        return
    fd = _opened(path)
    if _is(fd, device, inode):
        descriptors.flush_c()
        after[number] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
        os.dup2(fd, number)
    os.close(fd)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError as error:
        reraise_from_signal(error)
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _is(fd: int, device: int, inode: int) -> bool:
    found = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (device, inode)
