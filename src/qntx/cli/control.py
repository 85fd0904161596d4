"""``qntx cancel``, ``pause``, ``resume``, ``retry``, ``enqueue``, ``worker``: the queue by hand."""

from __future__ import annotations

import sys
from typing import Any

import click


def _move(name: str, sentence: str) -> click.Command:
    """A command that applies the queue's move *name* to each job given."""

    @click.command(name, help=sentence)
    @click.argument("job_ids", metavar="JOB_ID…", nargs=-1, required=True)
    @click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
    @click.pass_context
    def command(ctx: click.Context, job_ids: tuple[str, ...], as_json: bool) -> None:
        import msgspec

        from qntx.app import App
        from qntx.cli import settings_of
        from qntx.errors import Conflict, NotFound

        app = App(settings_of(ctx))
        moved: list[dict[str, Any]] = []
        failed = False
        for job_id in job_ids:
            try:
                status = getattr(app.queue, name)(job_id)
            except (Conflict, NotFound) as error:
                click.echo(f"error: {error.message}", err=True)
                failed = True
                continue
            moved.append({"id": job_id, "status": status})
            if not as_json:
                asked = f", asked to stop ({name})" if status == "running" else ""
                click.echo(f"{job_id}: {status}{asked}")
        if as_json:
            click.echo(msgspec.json.encode(moved).decode())
        ctx.exit(1 if failed else 0)

    return command


cancel = _move("cancel", "Cancel jobs and what they enqueued; running ones are made to stop.")
pause = _move("pause", "Pause jobs; running ones stop, and go on from their last checkpoint.")
resume = _move("resume", "Put paused jobs back on the queue.")
retry = _move("retry", "Put failed or cancelled jobs back on the queue.")


@click.command("enqueue")
@click.argument("handler")
@click.option("--payload", help="What the handler takes, as JSON (- reads it from stdin).")
@click.option("--source", help="What the job is about, for people (default: the handler's name).")
@click.option("--priority", type=int, default=0, show_default=True, help="Higher runs first.")
@click.option("--delay", help="Not before this long from now: 90s, 5m, 2h, 1d.")
@click.option("--key", help="Idempotency key: a second job with it is the first one.")
@click.option(
    "--unique",
    is_flag=True,
    help="While a job of this handler and source is active, give that one.",
)
@click.option(
    "--each", is_flag=True, help="A job for each line of stdin, its payload: all or none."
)
@click.option("--json", "as_json", is_flag=True, help="The whole job as JSON instead of its id.")
@click.pass_context
def enqueue(
    ctx: click.Context,
    handler: str,
    payload: str | None,
    source: str | None,
    priority: int,
    delay: str | None,
    key: str | None,
    unique: bool,
    each: bool,
    as_json: bool,
) -> None:
    """Put a job for HANDLER on the queue, for a worker of qntx serve or qntx worker."""
    import msgspec

    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.errors import BadInput
    from qntx.model.durations import parse_duration

    app = built_in_app(settings_of(ctx))
    if each and (payload is not None or key is not None):
        raise BadInput("--each takes its payloads from stdin, and no --payload or --key")
    texts = [line for line in sys.stdin if line.strip()] if each else [payload]
    ids = app.enqueue_all(
        [
            app.request(
                handler,
                _payload(text),
                source=source,
                priority=priority,
                idempotency_key=key,
                unique=unique,
                delay_s=0 if delay is None else parse_duration(delay),
            )
            for text in texts
        ]
    )
    for job_id in ids:
        if as_json:
            click.echo(msgspec.json.encode(app.store.jobs.get(job_id)).decode())
        else:
            click.echo(job_id)


def _payload(text: str | None) -> Any:
    """The payload that *text* (JSON) stands for; raises BadInput."""
    import msgspec

    from qntx.errors import BadInput

    if text is None:
        return None
    if text == "-":
        text = sys.stdin.read()
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadInput(f"--payload is no JSON: {error} - quote it, as in '{{\"n\": 1}}'") from None


@click.command("worker")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes (default 1).")
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Seconds that running jobs get to end when it is stopped.",
)
@click.pass_context
def worker(ctx: click.Context, workers: int | None, grace_s: float) -> None:
    """Run workers without a server, until Ctrl-C or SIGTERM."""
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.server import work

    def ready(number: int) -> None:
        click.echo(f"{number} worker{'s' * (number != 1)} at work (Ctrl-C stops)", err=True)

    work(built_in_app(settings_of(ctx)), workers=workers, grace_s=grace_s, ready=ready)
