"""The command line: everything the API does, for people and pipes."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from qntx.errors import QntxError

if TYPE_CHECKING:
    from qntx.application import Command

#: Command → the module (and the name in it) that holds it; loaded when it is used, so that none
#: pays for the others.
_COMMANDS = {
    "jobs": ("qntx.cli.jobs", "List jobs, newest first, or show one."),
    "logs": ("qntx.cli.logs", "Show what a job said."),
    "search": ("qntx.cli.search", "Find lines in all runs."),
    "schedules": ("qntx.cli.schedules", "List, create, change and trigger what runs by the clock."),
    "executions": ("qntx.cli.executions", "List what became of each firing of a schedule."),
    "explain": ("qntx.cli.explain", "Say why a job or schedule is in its state, and what is next."),
    "enqueue": ("qntx.cli.control:enqueue", "Put a job on the queue."),
    "cancel": ("qntx.cli.control:cancel", "Cancel jobs; running ones are made to stop."),
    "pause": ("qntx.cli.control:pause", "Pause jobs; they go on from their last checkpoint."),
    "resume": ("qntx.cli.control:resume", "Put paused jobs back on the queue."),
    "retry": ("qntx.cli.control:retry", "Put failed or cancelled jobs back on the queue."),
    "run": ("qntx.cli.run", "Run any command as a job, its output captured."),
    "retention": ("qntx.cli.retention", "Show how long lines are kept; delete what has expired."),
    "token": ("qntx.cli.token", "Print the token that the API asks for; log a browser in."),
    "serve": ("qntx.cli.serve", "Run the server: workers, API and web UI."),
    "worker": ("qntx.cli.control:worker", "Run workers without a server."),
    "doctor": ("qntx.cli.doctor", "Check the data directory and what qntx runs on."),
}


class _Lazy(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *_contributed()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _COMMANDS.get(cmd_name)
        if found is None:
            return _of_application(ctx, cmd_name)
        module, _, name = found[0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or "command")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near or not error.message.startswith("No such command"):
                raise
            meant = f"{error.message} Did you mean {near[0]!r}?"
            raise click.UsageError(meant, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])
        try:
            contributed = _contributed()
        except QntxError as error:  # no reason to keep the help from anybody
            formatter.write_text(f"error: {error.message}")
            return
        if contributed:
            with formatter.section("Commands of applications"):
                formatter.write_dl([(name, one.help) for name, one in contributed.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except QntxError as error:
            sentence = error.message
        except UnicodeEncodeError as error:
            sentence = _no_text(error)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read has enough: click ends without a word
            sentence = f"{error} - look at the path, who may use it, and the space on its disk"
        click.echo(f"error: {sentence}", err=True)
        raise click.exceptions.Exit(1)


def _contributed() -> dict[str, Command]:
    """The commands of installed applications, by name."""
    from qntx.application import installed

    found: dict[str, Command] = {}
    for application in installed():
        if not application.missing:
            found |= application.commands
    return found


def _of_application(ctx: click.Context, name: str) -> click.Command | None:
    """The command *name* of an installed application; UsageError if that lacks something."""
    from qntx.application import installed

    for application in installed():
        if name not in application.commands:
            continue
        if application.missing:
            raise click.UsageError(f"the command {name!r} {application.not_installed}", ctx)
        command: click.Command = application.load(application.commands[name].code)
        return command
    return None


def _no_text(error: UnicodeEncodeError) -> str:
    """What is said of an argument that is not UTF-8, which Python holds as lone surrogates."""
    if not 0xDC80 <= ord(error.object[error.start]) <= 0xDCFF:
        raise error
    part = error.object[max(0, error.start - 60) : error.start + 60]  # it may be all of a file
    shown = os.fsencode(part).decode("utf-8", "backslashreplace")
    return f"'{shown}' is no UTF-8, as all that is kept or looked for - write it in UTF-8"


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", metavar="DIR", help="Data directory (default: QNTX_HOME or ./.qntx).")
@click.option(
    "-A",
    "--app",
    metavar="MODULE",
    multiple=True,
    help="Module that declares handlers, such as shop.jobs (default: QNTX_APP).",
)
@click.version_option(package_name="qntx-pulse", prog_name="qntx")
@click.pass_context
def main(ctx: click.Context, home: str | None, app: tuple[str, ...]) -> None:
    """QNTX Pulse: background jobs in which every run explains itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or a pipe that knows few characters gets the others as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    with contextlib.suppress(FileNotFoundError):  # the folder was removed: nothing is there
        if (here := os.getcwd()) not in sys.path:
            sys.path.append(here)  # where people keep the modules that they name
    ctx.obj = {"home": home, "app": list(app) or None}


def settings_of(ctx: click.Context) -> Any:
    """The settings that the command line's options lead to."""
    from qntx.config import load

    return load(home=ctx.obj["home"], app=ctx.obj["app"])
