"""Children that libraries with a loop of their own start without ``subprocess.Popen``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qntx.recording import descriptors
from qntx.recording.context import SCOPE, active_run_of
from qntx.recording.subprocesses import finish_spools, streams_of


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
    with streams_of(active, scope, given) as spools:
        yield lambda: finish_spools(active, scope, spools)
