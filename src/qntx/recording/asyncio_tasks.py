"""Tasks and callbacks of asyncio that fail unnoticed: logged in the scope that they belong to."""

from __future__ import annotations

from asyncio import BaseEventLoop
from typing import Any

from qntx.recording.context import SCOPE, reset_scope
from qntx.recording.patches import Patches

_patches = Patches()
_original_create_task: Any
_original_handler: Any


def install() -> None:
    """Have the loop log a failure that nobody asked for in the scope of the code that failed."""
    global _original_create_task, _original_handler
    if _patches.are_in_place():
        return
    _original_create_task = _patches.replace(BaseEventLoop, "create_task", _create_task)
    _original_handler = _patches.replace(BaseEventLoop, "default_exception_handler", _handler)


def uninstall() -> None:
    """Put the methods back."""
    _patches.put_back()


def _create_task(self: BaseEventLoop, coro: Any, **kwargs: Any) -> Any:
    task = _original_create_task(self, coro, **kwargs)
    scope = SCOPE.get()
    if scope is not None:
        try:
            task._qntx_scope = scope
        except AttributeError:
            pass  # one of a task factory, with slots
    return task


def _handler(self: BaseEventLoop, context: dict[str, Any]) -> None:
    """The loop learns of a failure when the task is collected, whatever code runs just then."""
    scope = getattr(context.get("task") or context.get("future"), "_qntx_scope", None)
    handle = getattr(context.get("handle"), "_context", None)
    if scope is None and handle is not None:
        scope = handle.get(SCOPE)
    if scope is None:
        _original_handler(self, context)
        return
    token = SCOPE.set(scope)
    try:
        _original_handler(self, context)
    finally:
        reset_scope(token)
