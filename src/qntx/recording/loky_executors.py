"""loky, which joblib runs its jobs with: an executor of processes that outlives the run."""

from __future__ import annotations

import sys
from typing import Any

from qntx.recording.multiprocessing import in_scope_of_caller
from qntx.recording.patches import Patches

#: By itself, and as joblib brings it along.
MODULES = ("loky.process_executor", "joblib.externals.loky.process_executor")
_patches = Patches()
_originals: dict[Any, Any] = {}


def install() -> None:
    """Credit what is submitted to the code that submits it."""
    for name in MODULES:
        if name in sys.modules:
            executor = sys.modules[name].ProcessPoolExecutor
            _originals[executor] = _patches.replace(executor, "submit", _submitting(executor))


def uninstall() -> None:
    """Put the methods back."""
    _patches.put_back()


def _submitting(executor: Any) -> Any:
    if executor in _submits:
        return _submits[executor]

    def submit(self: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return _originals[executor](self, in_scope_of_caller(fn, self), *args, **kwargs)

    _submits[executor] = submit
    return submit


_submits: dict[Any, Any] = {}
