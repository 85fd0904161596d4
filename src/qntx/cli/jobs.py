"""``qntx jobs``: what ran, runs and waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from qntx.storage.interfaces import Store


#: As what an attempt is shown whose job went on in another one.
_END = {"queued": "back to the queue"}


@click.command("jobs")
@click.argument("job_id", required=False)
@click.option("--status", multiple=True, help="Only jobs in this status (may be repeated).")
@click.option("--handler", help="Only jobs of this handler.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--cursor", help="Go on after a page: the cursor it ended with.")
@click.option("--tree", is_flag=True, help="With JOB_ID: what it enqueued, and so on.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.pass_context
def command(
    ctx: click.Context,
    job_id: str | None,
    status: tuple[str, ...],
    handler: str | None,
    limit: int,
    cursor: str | None,
    tree: bool,
    as_json: bool,
) -> None:
    """List jobs, newest first; with JOB_ID show that one with its attempts."""
    import msgspec
    from rich.console import Console

    from qntx.app import App
    from qntx.cli import settings_of
    from qntx.cli.render import job_line

    store = App(settings_of(ctx)).store
    out = Console(highlight=False, soft_wrap=True)
    if job_id is not None:
        (_show_tree if tree else _show)(store, job_id, out, as_json=as_json)
        return
    if tree:
        raise click.UsageError("--tree needs a JOB_ID")
    page = store.jobs.page(limit=limit, cursor=cursor, statuses=status, handler=handler)
    if as_json:
        click.echo(msgspec.json.encode(page).decode())
        return
    if not page.jobs:
        out.print("no jobs yet - qntx run -- COMMAND runs the first one")
    for job in page.jobs:
        out.print(job_line(job))
    if page.next_cursor:
        out.print(f"[dim]more: --cursor {page.next_cursor}[/]")


def _show(store: Store, job_id: str, out: Console, *, as_json: bool) -> None:
    """One job with its attempts."""
    import msgspec

    from qntx.cli.render import job_line, safe

    job = store.jobs.get(job_id)
    attempts = store.jobs.attempts(job_id)
    if as_json:
        shown = {**msgspec.to_builtins(job), "attempts": msgspec.to_builtins(attempts)}
        click.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())
        return
    out.print(job_line(job))
    if job.error:
        place = f" (in {job.error_stage})" if job.error_stage else ""
        out.print(f"  error{place}: ", end="", style="red")
        out.print(safe(job.error), markup=False)
    for attempt in attempts:
        out.print(
            f"  attempt {attempt.attempt}: {_END.get(attempt.status, attempt.status)},"
            f" {attempt.receipt.text}" + (f", {attempt.reason}" if attempt.reason else ""),
            markup=False,
        )


def _show_tree(store: Store, job_id: str, out: Console, *, as_json: bool) -> None:
    """One job with all its descendants."""
    import msgspec

    from qntx.cli.render import tree_line

    tree = store.jobs.tree(job_id)
    if as_json:
        click.echo(msgspec.json.encode(tree).decode())
        return
    for job in tree.jobs:
        out.print(tree_line(job))
    if tree.truncated:
        out.print(f"the first {len(tree.jobs):,}; there are more")
