"""``qntx executions``: what became of each firing of a schedule."""

from __future__ import annotations

import sys

import click

from qntx.errors import BadInput


@click.command("executions")
@click.argument("schedule_id", required=False)
@click.option("--status", multiple=True, help="Only these (may be repeated).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--cursor", help="Go on after a page: the cursor it ended with.")
@click.option("--csv", "as_csv", is_flag=True, help="All of the schedule's, as CSV.")
@click.option("--json", "as_json", is_flag=True, help="All of the schedule's, as JSON.")
@click.option("--rerun", metavar="PX_…", help="Run this execution again; prints the job's id.")
@click.pass_context
def command(
    ctx: click.Context,
    schedule_id: str | None,
    status: tuple[str, ...],
    limit: int,
    cursor: str | None,
    as_csv: bool,
    as_json: bool,
    rerun: str | None,
) -> None:
    """List executions, newest first: of SCHEDULE_ID, or of all schedules."""
    from qntx.cli.render import safe
    from qntx.cli.schedules import local, service_of
    from qntx.scheduler.history import csv_rows, json_rows

    service = service_of(ctx)
    if rerun is not None:
        click.echo(service.rerun(rerun).async_job_id)
        return
    if schedule_id is not None:
        service.kept.get(schedule_id)
    if as_csv or as_json:
        if as_csv and as_json:
            raise BadInput("--csv and --json exclude each other - give one of them")
        every = service.executions.walk(schedule_id, status)
        sys.stdout.buffer.writelines(csv_rows(every) if as_csv else json_rows(every))
        return
    found, more = service.executions.page(schedule_id, limit=limit, cursor=cursor, statuses=status)
    for one in found:
        took = "-" if one.duration_ms is None else f"{one.duration_ms:,} ms"
        job = one.async_job_id or "no job"
        click.echo(
            f"{one.id}  {one.status:<9}  {local(one.nominal_at or one.created_at)}  {took}  {job}"
            f"  {safe(one.reason or one.error_message or '')}".rstrip()
        )
    if not found:
        click.echo("no executions")
    if more:
        click.echo(f"more: --cursor {more}", err=True)
