"""
Libraries that want more than the standard library does.

loguru and structlog: their records as such, with level and fields, not as what they print; gevent,
loky (joblib) and uvloop: what they start by themselves, in the scope of the code that starts it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Our module for each library that may be imported.
_BRIDGES = {
    "gevent": "qntx.recording.integrations.gevent",
    "joblib.externals.loky.process_executor": "qntx.recording.loky_executors",
    "loguru": "qntx.recording.integrations.loguru",
    "loky.process_executor": "qntx.recording.loky_executors",
    "structlog": "qntx.recording.integrations.structlog",
    "uvloop": "qntx.recording.integrations.uvloop",
}


def install() -> None:
    """Look after those that are imported, and after the others once they are."""
    for name in _BRIDGES:
        if name in sys.modules:
            _change(name, "install")
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Put back what was there before."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    for name, bridge in _BRIDGES.items():
        if name in sys.modules and bridge in sys.modules:
            _change(name, "uninstall")


def _change(name: str, what: str) -> None:
    try:
        getattr(importlib.import_module(_BRIDGES[name]), what)()
    except (ImportError, AttributeError):
        pass  # a version that is made otherwise: it is captured as what it is made of is


class _Finder(MetaPathFinder):
    """Notices that one of them is imported."""

    def __init__(self) -> None:
        self._asking = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the others give, with a loader that reports when the module is there."""
        if name not in _BRIDGES or self._asking:
            return None
        self._asking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking = False
        if spec is not None and spec.loader is not None:
            _notifying(spec.loader, lambda: _change(name, "install"))
        return spec


def _notifying(loader: Loader, then: Callable[[], None]) -> None:
    """Have *loader* call *then* when it has executed its module."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        execute(module)
        then()

    loader.exec_module = exec_module  # type: ignore[method-assign]


_FINDER = _Finder()
