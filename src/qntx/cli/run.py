"""``qntx run``: any command as a job."""

from __future__ import annotations

import click

from qntx.errors import BadInput


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.option("--name", help="Name of the job (default: the command's).")
@click.option("-q", "--quiet", is_flag=True, help="Do not say the job's id.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_context
def command(ctx: click.Context, name: str | None, quiet: bool, command: tuple[str, ...]) -> None:
    """
    Run COMMAND with everything it prints captured; its exit code is kept.

    A line "::stage:: NAME" or "::task:: ID" that it prints switches the stage or task.
    """
    from pathlib import Path

    from qntx.app import App
    from qntx.cli import settings_of
    from qntx.foreground import run_command

    words = command[1:] if command and command[0] == "--" else command
    if not words:
        raise BadInput("no command given - write qntx run -- COMMAND ARGUMENTS")

    def say(job_id: str) -> None:
        if not quiet:
            click.echo(f"qntx: {job_id}", err=True)

    app = App(settings_of(ctx))
    ctx.exit(run_command(app, words, name=name or Path(words[0]).name, on_start=say))
