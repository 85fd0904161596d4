"""File descriptors 1 and 2 of this process: what goes past Python's own streams."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import stat
import sys
from typing import Any

from qntx.journal.relay_process import HEADER_BYTES
from qntx.journal.run_scope import Scope
from qntx.journal.spool import Spool
from qntx.recording import lines
from qntx.recording.console import Console
from qntx.recording.context import ActiveRun

STREAMS = ("stdout", "stderr")


class Redirection:
    """
    Stands spools behind descriptors 1 and 2, for the run that owns the process now.

    What is written there belongs to the attempt as a whole: no one can know which stage or task
    a C library or a crashing interpreter was working for.
    """

    def __init__(self, *, console: bool) -> None:
        _open_standard_three()
        self.saved = [_duplicate(1), _duplicate(2)]
        self.console = Console(*self.saved) if console else None
        self._spools: list[Spool] = []
        #: The run that they belong to now.
        self._owner: ActiveRun | None = None
        self._children = False

    def begin(self, active: ActiveRun) -> None:
        """From here on descriptors 1 and 2 belong to *active*."""
        before, self._owner = self._owner, active
        if self._spools and not (
            before is not None
            and before.journal is active.journal
            and self.leads_to_spool(1, closed=False)
            and self.leads_to_spool(2, closed=False)
        ):
            # The last handler closed them, or led them elsewhere.
            self._detach_spools(before)
        if self._spools:
            active.journal.event(active.root, "spools", {})
            return
        self._open(active)
        spools = [
            {
                "name": spool.name,
                "stream": stream,
                "source": "fd",
                "shared": True,
                "keep": self.console is not None,
                "redact": lines.redactor() is not None,
            }
            for spool, stream in zip(self._spools, STREAMS, strict=True)
        ]
        active.journal.event(active.root, "spools", {"spools": spools})

    def record_sizes(self, active: ActiveRun) -> None:
        """What has been written until now comes before whatever is logged next."""
        for spool in self._spools:
            size, _ = spool.settle()
            if size > spool.reported:
                spool.reported = size
                fields = {"name": spool.name, "size": size}
                active.journal.event(active.root, "spooled", fields)

    def end(self, active: ActiveRun, next_run: ActiveRun | None) -> None:
        """The run is over; a process that it left behind goes on writing to its own streams."""
        flush_c()
        if active is not self._owner:
            self.record_sizes(active)
            return  # another run of this process has the descriptors, and keeps them
        if self.console is not None or self._children or self._are_used():
            self._detach_spools(active)
        if next_run is not None:
            self.begin(next_run)

    def _are_used(self) -> bool:
        """Whether anything was written, or is behind our descriptors that is not ours."""
        return not all(
            self.leads_to_spool(number, closed=False) and spool.settle()[0] == spool.reported
            for number, spool in enumerate(self._spools, start=1)
        ) or any(spool.reported > HEADER_BYTES for spool in self._spools)

    def leads_to_spool(self, number: int, *, closed: bool = True) -> bool:
        """
        Whether descriptor *number* leads to its spool, and not to what the program put there.

        *closed*: the answer where the program closed it, so that nothing of its own is there.
        """
        if number not in (1, 2) or not self._spools:
            return False
        try:
            return os.path.samestat(os.fstat(number), self._spools[number - 1].identity)
        except OSError:
            return closed

    def note_children(self) -> None:
        """A child exists that may hold the descriptors longer than the run lasts."""
        self._children = True

    def close(self) -> None:
        """Put back what was there before."""
        self._detach_spools(None)  # the run that they were for is over
        if self.console is not None:
            self.console.close()
        for saved in self.saved:
            os.close(saved)

    def _open(self, active: ActiveRun) -> None:
        home = active.journal.folder.parent
        self._children = False
        self._spools = [Spool(home, active.journal.producer, stream) for stream in STREAMS]
        for target, spool in enumerate(self._spools, start=1):
            os.dup2(spool.fd, target)
            spool.close()  # descriptors 1 and 2 are the only ones now
            if self.console is not None:
                self.console.add(spool, STREAMS[target - 1])

    def _detach_spools(self, active: ActiveRun | None) -> None:
        """Let go of the streams: descriptors 1 and 2 lead to what was there before."""
        for number, saved in enumerate(self.saved, start=1):
            with contextlib.suppress(OSError):
                os.dup2(saved, number)
        spools, self._spools = self._spools, []
        for spool in spools:
            if active is not None:
                finish(active, active.root, spool)
            if self.console is not None:
                self.console.finish(spool)
            spool.forget()


#: The redirection in force, if any.
_current: Redirection | None = None


def redirect(*, console: bool) -> Redirection:
    """Begin to capture descriptors 1 and 2 (of this process, once)."""
    global _current
    if _current is None:
        _current = Redirection(console=console)
    return _current


def restore() -> None:
    """Put descriptors 1 and 2 back."""
    global _current
    if _current is not None:
        _current.close()
        _current = None


def outside() -> list[int]:
    """What led to the standard output and error before the run; empty: they are not captured."""
    return [] if _current is None else list(_current.saved)


def are_redirected() -> bool:
    """Whether descriptors 1 and 2 are captured, and those of children with them."""
    return _current is not None


def leads_to_spool(number: int) -> bool:
    """Whether what is written to descriptor *number* is captured."""
    return _current is not None and _current.leads_to_spool(number)


def begin(active: ActiveRun) -> None:
    """Descriptors 1 and 2 belong to *active* from here on."""
    if _current is not None:
        _current.begin(active)


def record_sizes(active: ActiveRun) -> None:
    """What went to descriptors 1 and 2 until now comes before what is logged next."""
    if _current is not None:
        _current.record_sizes(active)


def end(active: ActiveRun, next_run: ActiveRun | None) -> None:
    """*active* is over; if the descriptors were its, they are *next_run*'s from here on."""
    if _current is not None:
        _current.end(active, next_run)


def has_console() -> bool:
    """Whether what is captured goes on to a console as well."""
    return _current is not None and _current.console is not None


def console_paths() -> list[str]:
    """Paths under which another process may open this one's console; empty: there is none."""
    if _current is None or _current.console is None:
        return []
    for saved in _current.saved:
        # Who opens a file by its path has a place of its own in it: all have to append.
        if stat.S_ISREG(os.fstat(saved).st_mode):
            fcntl.fcntl(saved, fcntl.F_SETFL, fcntl.fcntl(saved, fcntl.F_GETFL) | os.O_APPEND)
    return [f"/proc/{os.getpid()}/fd/{saved}" for saved in _current.saved]


def finish(active: ActiveRun, scope: Scope, spool: Spool) -> None:
    """What was written to *spool* comes before what is logged from here on; it may be its end."""
    size, ended = spool.settle()
    spool.reported = size
    fields = {"name": spool.name, "size": size, "last": True, "ended": ended}
    active.journal.event(scope, "spooled", fields)


def show(spool: Spool, stream: str) -> None:
    """Show what a child writes to *spool* on the console, if there is one."""
    if _current is not None and _current.console is not None:
        _current.console.add(spool, stream)


def show_rest(spool: Spool) -> None:
    """The child is gone: show the rest."""
    if _current is not None and _current.console is not None:
        _current.console.finish(spool)


def after_fork_in_child() -> None:
    """A forked child shares the descriptors, but shows nothing on the console itself."""
    if _current is not None and _current.console is not None:
        _current.console.after_fork_in_child()


def note_children() -> None:
    """A child exists that may hold this process's descriptors longer than the run lasts."""
    if _current is not None:
        _current.note_children()


def _duplicate(fd: int) -> int:
    """A copy of *fd* well above the standard three, which a program may have closed."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)


def _open_standard_three() -> None:
    """Where 0, 1 or 2 is closed (a daemon), the next file opened would become it: fill the gap."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


@functools.cache
def _c_library() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def flush_c() -> None:
    """Have C's own buffers written while the descriptors still lead to the run."""
    with contextlib.suppress(Exception):  # a courtesy: a Python linked statically cannot
        _c_library().fflush(None)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
