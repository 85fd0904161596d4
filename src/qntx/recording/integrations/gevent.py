"""gevent's greenlets, threads and children: they go on in the scope of who starts them."""

from __future__ import annotations

import subprocess
from contextvars import Context
from typing import Any

from gevent.greenlet import Greenlet
from gevent.subprocess import Popen
from gevent.threadpool import ThreadPool

from qntx.recording.child_streams import streams_of_child
from qntx.recording.context import SCOPE
from qntx.recording.patches import Patches
from qntx.recording.threads import in_scope

_patches = Patches()
_original_spawn: Any
_original_init: Any
_original_wait: Any
#: Of Popen's positional arguments, after args itself.
_POSITIONS = {"stdout": 3, "stderr": 4}


def install() -> None:
    """Have greenlets begin in the scope of the code that starts them; each has its own context."""
    global _original_spawn, _original_init, _original_wait
    Greenlet.add_spawn_callback(_spawned)
    _original_spawn = _patches.replace(ThreadPool, "spawn", _spawn)
    if subprocess.Popen is not Popen:  # it is where it has patched the standard library
        _original_init = _patches.replace(Popen, "__init__", _init)
        _original_wait = _patches.replace(Popen, "wait", _wait)


def uninstall() -> None:
    """Leave greenlets to themselves."""
    Greenlet.remove_spawn_callback(_spawned)
    _patches.put_back()


def _spawned(started: Any) -> None:
    """Called by who starts a greenlet, before it runs."""
    scope = SCOPE.get()
    if scope is None:
        return
    if started.gr_context is None:
        started.gr_context = Context()
    if SCOPE not in started.gr_context:
        started.gr_context.run(SCOPE.set, scope)


def _spawn(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
    return _original_spawn(self, in_scope(func), *args, **kwargs)


def _init(self: Any, args: Any, *more: Any, **kwargs: Any) -> None:
    places = _POSITIONS.items()
    given = {name: kwargs.get(name) for name, position in places if len(more) <= position}
    with streams_of_child(given) as finish:
        _original_init(self, args, *more, **{**kwargs, **given})
    self._qntx_finish = finish


def _wait(self: Any, *args: Any, **kwargs: Any) -> Any:
    code = _original_wait(self, *args, **kwargs)
    if code is not None and hasattr(self, "_qntx_finish"):
        self._qntx_finish()
    return code
