"""Children that libraries with a loop of their own start without ``subprocess.Popen``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.spool import Spool
from qntx.recording import descriptors, lines
from qntx.recording.context import SCOPE, active_run_of
from qntx.recording.subprocesses import finish_spools, inherited_stream, open_spool


@contextmanager
def streams_of_child(given: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """
    A child started inside has streams of its own, in the scope of this code, where it has ours.

    *given*: what it is to have as ``stdout`` and ``stderr``, None to inherit; changed here. Gives
    what to call when the child is over, so that what it wrote comes before what is logged then.
    """
    scope = SCOPE.get()
    active = active_run_of(scope) if scope is not None else None
    if active is None or scope is None or not descriptors.are_redirected():
        yield lambda: None
        return
    spools: dict[str, Spool] = {}
    try:
        for stream, value in given.items():
            name = inherited_stream(stream, value)
            if name is not None:
                spools[name] = spools.get(name) or open_spool(active, scope, name, "subprocess")
                given[stream] = spools[name].fd
    except OSError as error:
        reraise_from_signal(error)
        lines.log_credited_at_large(active, scope, "a child", error)
    held = list(spools.values())
    try:
        yield lambda: finish_spools(active, scope, held)
    except BaseException:
        finish_spools(active, scope, held)
        raise
    # The child has them now, and they are at their end once it is over, whoever waits for it.
    for spool in held:
        spool.close()
