"""``qntx ix``: ingest a job description, here and now or on the queue."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TextIO

import click

from qntx.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from qntx.runtime.context import Control


@click.command("ix")
@click.argument("words", nargs=-1, required=True, metavar="[jd|vacancies] URL|PATH|file://…")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
@click.option("--queue", is_flag=True, help="Put it on the queue of a running `qntx serve`.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the job's id and how it ended.")
@click.pass_context
def command(
    ctx: click.Context, words: tuple[str, ...], as_json: bool, queue: bool, quiet: bool
) -> None:
    """
    Ingest a job description: extract its requirements, keep them, score the candidates.

    With "vacancies" (or a URL that ends in /jobs and the like) a listing: each vacancy becomes a
    job on the queue of `qntx serve`.

    The exit code is 0 when the job completed and 1 when it did not.
    """
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.cli.render import ConsoleEmitter, job_line
    from qntx.recording.emitters import JsonEmitter, NullEmitter
    from qntx.runtime.context import Control
    from qntx_recruiting.ats.ix import IxCommand, handler_of, payload_of

    kind, target = _asked(words)
    app = built_in_app(settings_of(ctx))
    asked = IxCommand(kind=kind, target=target)
    handler = handler_of(asked, app.registry)
    payload = payload_of(asked, handler, "cli")
    if queue:
        click.echo(app.enqueue(handler, payload, source=target))
        return
    # The run captures descriptors 1 and 2; what is shown of it must not become part of it.
    screen, results = _copy_of(2), _copy_of(1)
    errors, out = _console(screen), _console(results)
    emitter = (
        NullEmitter() if quiet else JsonEmitter(results) if as_json else ConsoleEmitter(errors)
    )
    control = Control()
    # The first Ctrl-C asks the job to stop in good order, the second one ends it.
    previous = signal.signal(signal.SIGINT, _interrupt(control))
    try:
        job_id, outcome = app.run(handler, payload, source=target, emitter=emitter, control=control)
    finally:
        signal.signal(signal.SIGINT, previous)
    job = app.store.jobs.get(job_id)
    if not as_json:
        out.print(job_line(job), soft_wrap=True)
        if outcome.status != "completed":
            errors.print(f"[dim]qntx logs {job_id} shows everything it said[/]")
    screen.close()
    results.close()
    ctx.exit(0 if outcome.status == "completed" else 1)


def _copy_of(descriptor: int) -> TextIO:
    """A stream of its own on what *descriptor* leads to now."""
    return open(os.dup(descriptor), "w", encoding="utf-8", errors="replace")


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, soft_wrap=True)


def _asked(words: tuple[str, ...]) -> tuple[str | None, str]:
    """What *words* name: a kind (or None, to be decided by the address) and an address."""
    kind = words[0] if words[0] in ("jd", "role", "vacancies") and len(words) > 1 else None
    rest = words[1:] if kind is not None else words
    if len(rest) != 1:
        raise BadInput(f"unexpected argument: {rest[1]!r} - give one URL or path after ix")
    target = rest[0]
    if "://" in target or target.startswith("file:"):
        return kind, target
    return kind, str(Path(target).absolute())


def _interrupt(control: Control) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if control.request is not None:
            raise KeyboardInterrupt
        control.ask("cancel")

    return handle
