"""What stands in for parts of Python while something is recorded: all of it, in order."""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable
from typing import Any

from qntx.config import CaptureSettings
from qntx.journal import relay
from qntx.recording import (
    asyncio_tasks,
    descriptors,
    environment,
    handler_streams,
    hooks,
    integrations,
    lines,
    stdlib_logging,
    streams,
    subprocesses,
    threads,
)
from qntx.recording.console import console_stream
from qntx.recording.context import ACTIVE_RUNS
from qntx.recording.redaction import Redactor, from_environment

#: Patches of modules that need a session: how to put them in place, and how to take them away.
_more_patches: list[tuple[Callable[[], None], Callable[[], None]]] = []
#: Whether Python's fault handler is on because something is recorded.
_fault_handler_is_ours = False


def add_patches(install: Callable[[], None], uninstall: Callable[[], None]) -> None:
    """Have *install* called whenever the first run begins, and *uninstall* after the last one."""
    _more_patches.append((install, uninstall))
    if ACTIVE_RUNS:
        install()


def install(settings: CaptureSettings, *, has_console: bool) -> None:
    """Put everything in place for the first run; *has_console*: output is shown there as well."""
    global _fault_handler_is_ours
    if not settings.redact:
        lines.set_redactor(None)
    elif lines.redactor() is None:
        lines.set_redactor(Redactor(from_environment()))
    relay.set_room_wait(settings.room_wait_s)
    saved: list[int] = []
    if settings.descriptors and not descriptors.are_redirected():
        for stream in (sys.stdout, sys.stderr):
            streams.flush(stream)
        saved = descriptors.redirect(console=has_console).saved
        if not faulthandler.is_enabled():
            faulthandler.enable(file=2)
            _fault_handler_is_ours = True

    def target_of(stream: Any, number: int) -> Any:
        if not has_console:
            return None
        return console_stream(stream, saved[number - 1], number) if saved else stream

    stdlib_logging.install(settings.level, settings.levels)
    streams.install(target_of)
    handler_streams.redirect()
    threads.install()
    asyncio_tasks.install()
    subprocesses.install()
    environment.install()
    hooks.install()
    integrations.install()
    for install_more, _ in _more_patches:
        install_more()


def uninstall() -> None:
    """Put everything back as it was before the first run."""
    global _fault_handler_is_ours
    stdlib_logging.uninstall()
    handler_streams.restore()
    streams.uninstall()
    threads.uninstall()
    asyncio_tasks.uninstall()
    subprocesses.uninstall()
    environment.uninstall()
    hooks.uninstall()
    integrations.uninstall()
    for _, uninstall_more in _more_patches:
        uninstall_more()
    descriptors.restore()
    if _fault_handler_is_ours:
        faulthandler.disable()
        _fault_handler_is_ours = False
