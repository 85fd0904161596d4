"""The built-in handler ``shell.command``: any command as a scheduled job."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Annotated

import msgspec

from qntx.errors import QntxError
from qntx.runtime.context import JobContext
from qntx.runtime.registry import Registry

SHELL_HANDLER = "shell.command"
HANDLERS = Registry()
#: How often a running command is looked after, and how long it may take to end when asked to.
CANCEL_CHECK_S = 0.2
SIGTERM_GRACE_S = 3.0


class CommandFailed(QntxError):
    """A command ended with an exit code other than 0."""

    code = "command_failed"


class ShellCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command and its arguments; no shell looks at them unless the command is one."""

    command: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1_000)]
    cwd: str | None = None
    env: dict[str, str] = {}


@HANDLERS.handler(SHELL_HANDLER)
def run_command(ctx: JobContext, payload: ShellCommand) -> dict[str, int]:
    """Run the command; what it prints is captured like everything else."""
    try:
        process = subprocess.Popen(
            payload.command,
            cwd=payload.cwd,
            env={**os.environ, **payload.env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandFailed(
            f"cannot run {payload.command[0]!r}: {error.strerror} - check the name, the PATH and "
            "the working folder"
        ) from None
    code = _wait(ctx, process)
    if code != 0:
        shown = f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
        raise CommandFailed(
            f"{payload.command[0]} ended with {shown} - what it printed is in this log"
        )
    return {"exit_code": 0}


def _wait(ctx: JobContext, process: subprocess.Popen[bytes]) -> int:
    """The exit code; a command whose job is asked to stop is asked as well, then killed."""
    try:
        while True:
            try:
                return process.wait(CANCEL_CHECK_S)
            except subprocess.TimeoutExpired:
                ctx.check()
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, grace_s in ((signal.SIGTERM, SIGTERM_GRACE_S), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(grace_s)
            return
        except subprocess.TimeoutExpired:
            continue
