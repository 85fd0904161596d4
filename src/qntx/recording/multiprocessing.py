"""Children made with ``multiprocessing``: they go on with the run of the code that started them."""

from __future__ import annotations

import concurrent.futures.process
import functools
import multiprocessing
import multiprocessing.pool
import multiprocessing.process
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.pool import Pool, ThreadPool
from pathlib import Path
from typing import Any

from qntx.config import CaptureSettings
from qntx.journal.run_scope import Run, Scope
from qntx.recording import descriptors, installation, session, spawned_children
from qntx.recording.context import SCOPE, ActiveRun, active_run_of, reset_scope
from qntx.recording.patches import Patches
from qntx.recording.subprocesses import finish_spools
from qntx.recording.threads import in_scope, iterated_in_scope

_patches = Patches()
_original_start: Callable[..., None]
_original_join: Callable[..., None]
_original_bootstrap: Callable[..., int]
_original_submit: Callable[..., Future[Any]]
_original_apply_async: Any
_original_map_async: Any
_original_imap: Any
_original_imap_unordered: Any
#: What the processes of pools do, whoever asks.
_POOL_WORKERS: tuple[Any, ...] = (
    concurrent.futures.process._process_worker,
    multiprocessing.pool.worker,  # type: ignore[attr-defined]
)
#: Scopes of a pool's worker, by where it was asked to work.
_scopes: dict[tuple[Any, ...], Scope] = {}


def install() -> None:
    """Have children, and what is asked of pools, go on with the run of the code that asks."""
    global _original_start, _original_join, _original_bootstrap, _original_submit
    global _original_apply_async, _original_map_async, _original_imap, _original_imap_unordered
    if _patches.are_in_place():
        return
    process = multiprocessing.process.BaseProcess
    _original_start = _patches.replace(process, "start", _start)
    _original_join = _patches.replace(process, "join", _join)
    _original_bootstrap = _patches.replace(process, "_bootstrap", _bootstrap)
    _original_submit = _patches.replace(ProcessPoolExecutor, "submit", _submit)
    _original_apply_async = _patches.replace(Pool, "apply_async", _apply_async)
    _original_map_async = _patches.replace(Pool, "_map_async", _map_async)
    _original_imap = _patches.replace(Pool, "imap", _imap)
    _original_imap_unordered = _patches.replace(Pool, "imap_unordered", _imap_unordered)
    spawned_children.install()


def uninstall() -> None:
    """Put the methods back."""
    _patches.put_back()
    spawned_children.uninstall()


# -- pools: what a worker process does belongs to the code that asked for it -----------------------


def _submit(
    self: ProcessPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Future[Any]:
    return _original_submit(self, in_scope_of_caller(fn, self), *args, **kwargs)


def _apply_async(
    self: Any,
    func: Callable[..., Any],
    args: Any = (),
    kwds: Any = None,
    callback: Any = None,
    error_callback: Any = None,
) -> Any:
    callbacks = map(in_scope, (callback, error_callback))
    return _original_apply_async(self, in_scope_of_caller(func, self), args, kwds or {}, *callbacks)


def _map_async(
    self: Any,
    func: Callable[..., Any],
    iterable: Any,
    mapper: Any,
    chunksize: Any = None,
    callback: Any = None,
    error_callback: Any = None,
) -> Any:
    callbacks = map(in_scope, (callback, error_callback))
    return _original_map_async(
        self, in_scope_of_caller(func, self), iterable, mapper, chunksize, *callbacks
    )


def _imap(self: Any, func: Callable[..., Any], iterable: Any, *args: Any, **kwargs: Any) -> Any:
    # A thread of the pool takes the next value whenever there is room for it.
    values = iterated_in_scope(iterable)
    return _original_imap(self, in_scope_of_caller(func, self), values, *args, **kwargs)


def _imap_unordered(
    self: Any, func: Callable[..., Any], iterable: Any, *args: Any, **kwargs: Any
) -> Any:
    # A thread of the pool takes the next value whenever there is room for it.
    values = iterated_in_scope(iterable)
    return _original_imap_unordered(self, in_scope_of_caller(func, self), values, *args, **kwargs)


def in_scope_of_caller(function: Callable[..., Any], pool: Any) -> Callable[..., Any]:
    """*function*, to be called by *pool* in the stage and task of the current code."""
    if isinstance(pool, ThreadPool):
        scoped: Callable[..., Any] = in_scope(function)
        return scoped
    scope = SCOPE.get()
    active = active_run_of(scope) if scope is not None else None
    if scope is None or active is None:
        return function
    home = str(active.journal.folder.parent)
    streams = spawned_children.shared_streams()
    place = (home, scope.run.job_id, scope.run.attempt, scope.stage, scope.task_id, streams)
    return functools.partial(_call_in_scope, place, function)


def _call_in_scope(
    place: tuple[str, str, int, str | None, str | None, tuple[spawned_children.Place, ...]],
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """In the worker process of a pool: call *function* where it was asked for."""
    home, job_id, attempt, stage, task_id, streams = place
    active = session.run_in_child(Path(home), job_id, attempt)
    key = (active.run.number, stage, task_id)
    scope = _scopes.get(key) or _scopes.setdefault(key, Scope(active.run, stage, task_id))
    token = SCOPE.set(scope)
    try:
        with spawned_children.writing_to(streams):
            return function(*args, **kwargs)
    finally:
        reset_scope(token)


class _Attach:
    """
    Travels with a process object into a spawned child and, on arrival, goes on with the run.

    Unpickling it is what the child does first, before the target is even imported.
    """

    def __init__(self, active: ActiveRun, scope: Scope, settings: CaptureSettings) -> None:
        self.home = str(active.journal.folder.parent)
        self.producer = active.journal.producer
        self.job_id = active.run.job_id
        self.attempt = active.run.attempt
        self.stage = scope.stage
        self.task_id = scope.task_id
        self.settings = settings.model_dump()
        #: Where the parent's console is to be found, while the parent lives.
        self.console = descriptors.console_paths()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        session.attach(
            Path(self.home),
            Run(self.job_id, self.attempt),
            self.stage,
            self.task_id,
            CaptureSettings(**self.settings),
            self.console,
            self.producer,
        )


def _start(self: Any) -> None:
    scope = SCOPE.get()
    active = active_run_of(scope) if scope is not None else None
    if active is None or scope is None:
        _original_start(self)
        return
    method = getattr(self, "_start_method", None) or multiprocessing.get_start_method()
    worker = any(self._target is known for known in _POOL_WORKERS)
    self._qntx_attach = _Attach(active, scope, session.settings_in_force())
    descriptors.note_children()
    try:
        with spawned_children.child_streams(method, active, scope, pool=worker) as spools:
            _original_start(self)
    finally:
        # It has travelled; what stays here must not keep the run alive.
        self.__dict__.pop("_qntx_attach", None)
    self._qntx_spools = (active, scope, spools)


def _join(self: Any, timeout: float | None = None) -> None:
    _original_join(self, timeout)
    held = self.__dict__.get("_qntx_spools")
    if held is not None and self.exitcode is not None:
        # What the child wrote comes before what is logged from here on.
        del self._qntx_spools
        finish_spools(*held)


def _bootstrap(self: Any, *args: Any, **kwargs: Any) -> int:
    """In the child: run, then end the journal in good order (it leaves by ``os._exit``)."""
    try:
        return _original_bootstrap(self, *args, **kwargs)
    finally:
        session.detach()


installation.add_patches(install, uninstall)
