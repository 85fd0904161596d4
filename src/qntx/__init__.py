"""
QNTX Pulse: a background-job runtime in which every run explains itself.

    import qntx

    with qntx.capture("nightly-import") as emit:
        with emit.stage("load"):
            print("everything said here is in the log of this run")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qntx.app import App
    from qntx.config import Settings
    from qntx.errors import (
        BadInput,
        Conflict,
        JobCancelled,
        JobStopped,
        NotFound,
        QntxError,
        StoreUnavailable,
        UnknownHandler,
    )
    from qntx.foreground import capture
    from qntx.model.retry import Backoff
    from qntx.recording.session import register_secret
    from qntx.runtime.context import JobContext
    from qntx.runtime.registry import Registry

_HOMES = {
    "App": "qntx.app",
    "Backoff": "qntx.model.retry",
    "BadInput": "qntx.errors",
    "Conflict": "qntx.errors",
    "JobCancelled": "qntx.errors",
    "JobContext": "qntx.runtime.context",
    "JobStopped": "qntx.errors",
    "NotFound": "qntx.errors",
    "QntxError": "qntx.errors",
    "Registry": "qntx.runtime.registry",
    "Settings": "qntx.config",
    "StoreUnavailable": "qntx.errors",
    "UnknownHandler": "qntx.errors",
    "capture": "qntx.foreground",
    "register_secret": "qntx.recording.session",
}

__all__ = [
    "App",
    "Backoff",
    "BadInput",
    "Conflict",
    "JobCancelled",
    "JobContext",
    "JobStopped",
    "NotFound",
    "QntxError",
    "Registry",
    "Settings",
    "StoreUnavailable",
    "UnknownHandler",
    "capture",
    "register_secret",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are used, so that a command pays for its own only."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'qntx' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)
