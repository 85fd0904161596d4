"""Threads and executors begin in the scope of the code that started them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import _worker as _pool_worker
from typing import Any

from qntx.journal.run_scope import Scope
from qntx.recording.context import SCOPE, reset_scope
from qntx.recording.patches import Patches

_patches = Patches()
_original_start: Callable[..., None]
_original_bootstrap: Callable[..., None]
_original_submit: Callable[..., Future[Any]]
_original_add_done_callback: Callable[..., None]


def install() -> None:
    """Propagate the scope into threads and thread pools (context variables do not go there)."""
    global _original_start, _original_bootstrap, _original_submit, _original_add_done_callback
    if _patches.are_in_place():
        return
    _original_start = _patches.replace(threading.Thread, "start", _start)
    _original_bootstrap = _patches.replace(threading.Thread, "_bootstrap_inner", _bootstrap)
    _original_submit = _patches.replace(ThreadPoolExecutor, "submit", _submit)
    _original_add_done_callback = _patches.replace(Future, "add_done_callback", _add_done_callback)


def uninstall() -> None:
    """Put the methods back."""
    _patches.put_back()


def in_scope(function: Any) -> Any:
    """*function* (or None), to be called by another thread, but in the scope of this code."""
    scope = SCOPE.get()
    if scope is None or function is None:
        return function
    return lambda *args, **kwargs: _scoped(scope, function, args, kwargs)


def _start(self: threading.Thread) -> None:
    scope = SCOPE.get()
    # A pool's worker outlives the code that happens to cause its start: its scope comes with each
    # piece of work.
    if scope is not None and getattr(self, "_target", None) is not _pool_worker:
        self._qntx_scope = scope  # type: ignore[attr-defined]
    _original_start(self)


def _bootstrap(self: threading.Thread) -> None:
    scope = self.__dict__.pop("_qntx_scope", None)
    if scope is not None:
        SCOPE.set(scope)
    _original_bootstrap(self)


def _submit(
    self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Future[Any]:
    scope = SCOPE.get()
    if scope is None:
        return _original_submit(self, fn, *args, **kwargs)
    return _original_submit(self, _scoped, scope, fn, args, kwargs)


def _add_done_callback(self: Future[Any], fn: Callable[[Future[Any]], object]) -> None:
    """What is called back belongs to the code that asked for it, whichever thread does it."""
    _original_add_done_callback(self, in_scope(fn))


def _scoped(scope: Scope, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    token = SCOPE.set(scope)
    try:
        return fn(*args, **kwargs)
    finally:
        reset_scope(token)
