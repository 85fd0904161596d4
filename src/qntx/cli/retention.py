"""``qntx retention``: how long lines are kept, what that would delete, and deleting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qntx.errors import BadInput

if TYPE_CHECKING:
    from qntx.app import App
    from qntx.maintenance.retention import Retention
    from qntx.model.retention import RetentionReport


@click.group("retention", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the rules (settings retention.days and retention.rules) and the last run."""
    if ctx.invoked_subcommand is not None:
        return
    import msgspec

    from qntx.maintenance.loop import sentence

    retention = _retention(ctx)
    rules, last = retention.rules.all, retention.last()
    if as_json:
        shown = {
            "rules": [rule.view for rule in rules],
            "jobs_days": retention.jobs_days,
            "last_run": last,
        }
        click.echo(msgspec.json.encode(shown).decode())
        return
    for number, rule in enumerate(rules, 1):
        click.echo(f"{number}. {rule.name}" + ("" if number < len(rules) else "  (all others)"))
    days = retention.jobs_days
    kept = "for ever" if days is None else f"{days:g} days after their end"
    click.echo(f"Jobs without lines are kept {kept}.")
    if last is None:
        click.echo("It did not run yet: qntx serve runs it once an hour, qntx retention run now.")
    else:
        click.echo(f"Last run {last.started_at}: {sentence(last)}.")


@command.command("preview")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.pass_context
def preview(ctx: click.Context, as_json: bool) -> None:
    """Show what the rules would delete now; deletes nothing."""
    _show(_retention(ctx).preview(), as_json, "would be deleted")


@command.command("run")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.pass_context
def run(ctx: click.Context, as_json: bool) -> None:
    """Delete what the rules say, now, while everything else goes on."""
    _show(_retention(ctx).run(), as_json, "deleted")


@command.command("compact")
@click.pass_context
def compact_(ctx: click.Context) -> None:
    """
    Write the database anew, without gaps; needed once for one of an old qntx.

    Nobody else can write meanwhile (some seconds a gigabyte); what jobs say waits.
    """
    from qntx.maintenance.size_watch import human

    store = _app(ctx).store
    if store.local_file is None:
        raise BadInput(f"the database {store.location} needs no compacting - it is no file of qntx")
    before = store.size_bytes()
    store.local_file.compact()
    click.echo(f"{human(before)} before, {human(store.size_bytes())} now")


def _app(ctx: click.Context) -> App:
    from qntx.app import App
    from qntx.cli import settings_of

    app = App(settings_of(ctx))
    app.store.prepare()
    return app


def _retention(ctx: click.Context) -> Retention:
    from qntx.maintenance.retention import Retention

    return Retention(_app(ctx).settings)


def _show(report: RetentionReport, as_json: bool, done: str) -> None:
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from qntx.maintenance.size_watch import human

    if as_json:
        click.echo(msgspec.json.encode(report).decode())
        return
    if not report.lines and not report.jobs_removed:
        click.echo("nothing has expired")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("rule")
    right: dict[str, Any] = {"justify": "right"}
    for name in ("jobs", "lines", "size"):
        table.add_column(name, **right)
    for one in report.by:
        table.add_row(one.rule, f"{one.jobs:,}", f"{one.lines:,}", human(one.bytes))
    table.add_row("all", f"{report.jobs:,}", f"{report.lines:,}", human(report.bytes), style="bold")
    Console(highlight=False).print(table)
    freed = f", {human(report.freed_bytes)} went back to the disk" if report.freed_bytes else ""
    click.echo(f"{report.lines:,} lines {done}{freed}; jobs, receipts and counts stay.")
    if report.jobs_removed:
        click.echo(f"{report.jobs_removed:,} jobs without lines were forgotten.")
