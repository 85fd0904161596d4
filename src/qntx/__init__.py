"""
QNTX Pulse: a background-job runtime in which every run explains itself.

    import qntx

    with qntx.capture("nightly-import") as emit:
        with emit.stage("load"):
            print("everything said here is in the log of this run")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qntx.linux import require_linux

if TYPE_CHECKING:
    from qntx.app import App
    from qntx.application import Application
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
    from qntx.foreground import Captured, capture
    from qntx.model.firing_policy import Missed, Overlap
    from qntx.model.job import Claimed, JobRequest
    from qntx.model.retry import Backoff, RetryPolicy
    from qntx.model.schedule import DeclaredSchedule, NewSchedule
    from qntx.recording.emitter import LogCapturingEmitter
    from qntx.recording.emitters import JsonEmitter, NullEmitter, ProgressEmitter
    from qntx.recording.session import register_secret
    from qntx.runtime.context import Control, JobContext, WaitingForChildren
    from qntx.runtime.outcome import Outcome
    from qntx.runtime.registry import Handler, HandlerClass, Registry
    from qntx.runtime.requests import JobOptions
    from qntx.storage.interfaces.jobs import Queue

require_linux()

_HOMES = {
    "App": "qntx.app",
    "Application": "qntx.application",
    "Backoff": "qntx.model.retry",
    "BadInput": "qntx.errors",
    "Captured": "qntx.foreground",
    "Claimed": "qntx.model.job",
    "Conflict": "qntx.errors",
    "Control": "qntx.runtime.context",
    "DeclaredSchedule": "qntx.model.schedule",
    "Handler": "qntx.runtime.registry",
    "HandlerClass": "qntx.runtime.registry",
    "JobCancelled": "qntx.errors",
    "JobContext": "qntx.runtime.context",
    "JobOptions": "qntx.runtime.requests",
    "JobRequest": "qntx.model.job",
    "JobStopped": "qntx.errors",
    "JsonEmitter": "qntx.recording.emitters",
    "LogCapturingEmitter": "qntx.recording.emitter",
    "Missed": "qntx.model.firing_policy",
    "NewSchedule": "qntx.model.schedule",
    "NotFound": "qntx.errors",
    "NullEmitter": "qntx.recording.emitters",
    "Outcome": "qntx.runtime.outcome",
    "Overlap": "qntx.model.firing_policy",
    "ProgressEmitter": "qntx.recording.emitters",
    "QntxError": "qntx.errors",
    "Queue": "qntx.storage.interfaces.jobs",
    "Registry": "qntx.runtime.registry",
    "RetryPolicy": "qntx.model.retry",
    "Settings": "qntx.config",
    "StoreUnavailable": "qntx.errors",
    "UnknownHandler": "qntx.errors",
    "WaitingForChildren": "qntx.runtime.context",
    "capture": "qntx.foreground",
    "register_secret": "qntx.recording.session",
}

__all__ = [
    "App",
    "Application",
    "Backoff",
    "BadInput",
    "Captured",
    "Claimed",
    "Conflict",
    "Control",
    "DeclaredSchedule",
    "Handler",
    "HandlerClass",
    "JobCancelled",
    "JobContext",
    "JobOptions",
    "JobRequest",
    "JobStopped",
    "JsonEmitter",
    "LogCapturingEmitter",
    "Missed",
    "NewSchedule",
    "NotFound",
    "NullEmitter",
    "Outcome",
    "Overlap",
    "ProgressEmitter",
    "QntxError",
    "Queue",
    "Registry",
    "RetryPolicy",
    "Settings",
    "StoreUnavailable",
    "UnknownHandler",
    "WaitingForChildren",
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


def __dir__() -> list[str]:
    """The public names, whether or not they have been used."""
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
