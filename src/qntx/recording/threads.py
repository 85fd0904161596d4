"""Threads and executors begin in the scope of the code that started them."""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import contextlib
import functools
import multiprocessing.pool
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import Context
from typing import Any

from qntx.journal.run_scope import Scope
from qntx.recording.context import SCOPE, reset_scope
from qntx.recording.patches import Patches

_patches = Patches()
_original_start: Callable[..., None]
_original_bootstrap: Callable[..., None]
_original_start_new: Callable[..., int]
_original_item_init: Callable[..., None]
_original_item_run: Callable[..., None]
_original_add_done_callback: Callable[..., None]
#: What the threads of pools do, by the name that threading knows it by.
_POOL_WORKERS: tuple[Any, ...] = (
    concurrent.futures.thread._worker,
    multiprocessing.pool.worker,  # type: ignore[attr-defined]
)
_WORK_ITEM = concurrent.futures.thread._WorkItem


def install() -> None:
    """Propagate the scope into threads and thread pools (context variables do not go there)."""
    global _original_start, _original_bootstrap, _original_start_new
    global _original_item_init, _original_item_run, _original_add_done_callback
    if _patches.are_in_place():
        return
    _original_start = _patches.replace(threading.Thread, "start", _start)
    _original_bootstrap = _patches.replace(threading.Thread, "_bootstrap_inner", _bootstrap)
    _original_start_new = _patches.replace(_thread, "start_new_thread", _start_new)
    # Not submit(): a subclass may have one of its own, and that of interpreters can only take what
    # can be sent to another interpreter. All make these, in the caller, and have them run.
    _original_item_init = _patches.replace(_WORK_ITEM, "__init__", _item_init)
    _original_item_run = _patches.replace(_WORK_ITEM, "run", _item_run)
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


def iterated_in_scope(values: Iterable[Any]) -> Iterable[Any]:
    """*values*, to be iterated by another thread, but in the scope of this code."""
    scope = SCOPE.get()
    return values if scope is None else _iterated(scope, values)


def _iterated(scope: Scope, values: Iterable[Any]) -> Iterator[Any]:
    iterator = _scoped(scope, iter, (values,), {})
    while True:
        try:
            value = _scoped(scope, next, (iterator,), {})
        except StopIteration:
            return
        yield value


def _start(self: threading.Thread) -> None:
    # A pool's worker outlives the code that happens to cause its start: its scope comes with each
    # piece of work.
    target = getattr(self, "_target", None)
    is_pool = any(target is worker for worker in _POOL_WORKERS)
    scope = None if is_pool else SCOPE.get()
    if is_pool or scope is not None:
        self._qntx_scope = (scope, is_pool)  # type: ignore[attr-defined]
    _original_start(self)


def _bootstrap(self: threading.Thread) -> None:
    scope, is_pool = self.__dict__.pop("_qntx_scope", (None, False))
    if scope is not None:
        SCOPE.set(scope)
    context: Context | None = getattr(self, "_context", None)
    # Since 3.14 a thread runs in a context beside the one that its exceptions are reported in. One
    # that the program has made of another's counts as it is; one that Python has copied for a
    # pool's worker (thread_inherit_context) has the scope of whoever happened to cause its start.
    if context is None or not (is_pool or (scope is not None and SCOPE not in context)):
        _original_bootstrap(self)
        return
    token = None
    with contextlib.suppress(RuntimeError):  # another thread is in it: this one will say so
        token = context.run(SCOPE.set, scope)
    try:
        _original_bootstrap(self)
    finally:
        if token is not None:
            with contextlib.suppress(RuntimeError):
                context.run(SCOPE.reset, token)


def _start_new(function: Any, args: Any, /, *kwargs: Any) -> int:
    """``_thread.start_new_thread``, which is what libraries with threads of their own call."""
    scope = SCOPE.get()
    if scope is None or not callable(function):
        return _original_start_new(function, args, *kwargs)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        SCOPE.set(scope)  # and not back: Python reports an exception after the end of it
        function(*args, **kwargs)

    return _original_start_new(run, args, *kwargs)


def _item_init(self: Any, *args: Any, **kwargs: Any) -> None:
    _original_item_init(self, *args, **kwargs)
    self._qntx_scope = SCOPE.get()


def _item_run(self: Any, *args: Any) -> None:
    token = SCOPE.set(getattr(self, "_qntx_scope", None))
    try:
        _original_item_run(self, *args)
    finally:
        reset_scope(token)


def _add_done_callback(self: Future[Any], fn: Callable[[Future[Any]], object]) -> None:
    """What is called back belongs to the code that asked for it, whichever thread does it."""
    _original_add_done_callback(self, in_scope(fn))


def _scoped(scope: Scope, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    token = SCOPE.set(scope)
    try:
        return fn(*args, **kwargs)
    finally:
        reset_scope(token)
