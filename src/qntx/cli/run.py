"""``qntx run``: any command as a job."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from qntx.errors import BadInput

if TYPE_CHECKING:
    import pathlib

    from qntx.indexer.launch import IndexerProcess


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
    words = command[1:] if command and command[0] == "--" else command
    if not words:
        raise BadInput("no command given - write qntx run -- COMMAND ARGUMENTS")

    from qntx.cli import settings_of

    settings = settings_of(ctx)
    with _indexer_of(settings.home) as indexer:
        # Imported while the indexer starts: each takes as long.
        from pathlib import Path

        from qntx.app import App
        from qntx.foreground import run_command

        def say(job_id: str) -> None:
            if not quiet:
                click.echo(f"qntx: {job_id}", err=True)

        app, name = App(settings), name or Path(words[0]).name
        code = run_command(app, words, name=name, on_start=say, indexer=indexer)
    ctx.exit(code)


@contextlib.contextmanager
def _indexer_of(home: pathlib.Path) -> Iterator[IndexerProcess]:
    from qntx.indexer.launch import IndexerProcess
    from qntx.journal.segment import check_writable

    check_writable(home)
    indexer = IndexerProcess(home)
    try:
        yield indexer
    finally:
        indexer.stop()
