"""``qntx schedules``: what runs by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qntx.errors import BadInput

if TYPE_CHECKING:
    from qntx.model.schedule import Schedule
    from qntx.scheduler.service import ScheduleService

BY = "the command line"


@click.group("schedules", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List schedules, or create, change, trigger and delete one."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command.command("list")
@click.option("--state", multiple=True, help="Only schedules in this state (may be repeated).")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.pass_context
def list_(ctx: click.Context, state: tuple[str, ...] = (), as_json: bool = False) -> None:
    """List schedules, newest first."""
    import msgspec

    found, _ = service_of(ctx).kept.page(states=state)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for schedule in found:
        click.echo(_line(schedule))
    if not found:
        click.echo("no schedules yet - qntx schedules create --every 6h -- COMMAND makes the first")


@command.command("show")
@click.argument("schedule_id")
@click.pass_context
def show(ctx: click.Context, schedule_id: str) -> None:
    """Show the schedule SCHEDULE_ID as JSON, with its statistics."""
    import msgspec

    from qntx.scheduler.history import statistics

    service = service_of(ctx)
    schedule = service.kept.get(schedule_id)
    shown = msgspec.to_builtins(schedule) | {
        "statistics": msgspec.to_builtins(statistics(service.executions, schedule_id))
    }
    click.echo(msgspec.json.format(msgspec.json.encode(shown)).decode())


def _timing_options(code: Any) -> Any:
    """The options that say when; they are the same for a new schedule and a change."""
    for option in reversed(
        (
            click.option("--every", metavar="6h", help="An interval: 90s, 15m, 1h30m, 2d."),
            click.option("--cron", help="A cron expression, or @daily and the like."),
            click.option("--at", "run_at", help="Once, at this time (2026-12-24T18:00:00+01:00)."),
            click.option("--zone", "time_zone", help="Time zone of the cron expression."),
            click.option("--jitter", metavar="5m", help="Fire later by up to this."),
            click.option("--start", "start_at", help="Not before this time."),
            click.option("--end", "end_at", help="Not after this time."),
            click.option("--overlap", help="skip, queue, replace or parallel(n)."),
            click.option("--missed", help="skip, one or all(limit)."),
            click.option("--name", help="A name, for people."),
            click.option("--payload", metavar="JSON", help="What the handler is given."),
        )
    ):
        code = option(code)
    return code


@command.command("create", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="CODE | -- COMMAND…")
@click.option("--handler", "handler_name", help="Run this handler instead of ATS code.")
@click.option("--now", "force", is_flag=True, help="Fire once at once, too.")
@_timing_options
@click.pass_context
def create(ctx: click.Context, /, words: tuple[str, ...], force: bool, **options: Any) -> None:
    """
    Create a schedule: of a handler, a shell command, or ATS code of an application.

    Examples: qntx schedules create --handler reports.daily --every 6h;
    qntx schedules create --cron '0 9 * * 1-5' --zone Europe/Berlin -- /usr/bin/backup --all
    """
    from qntx.application import unusable_code
    from qntx.model.schedule import NewSchedule

    fields = _given(options)
    if words and fields.get("handler_name"):
        raise BadInput(f"unexpected argument: {words[0]!r} - --handler takes --payload only")
    service = service_of(ctx)
    code = words[0].split(None, 1)[:1] if words else []
    if code and (code[0] in service.registered.codes or unusable_code(code[0])):
        import shlex

        fields["ats_code"] = words[0] if len(words) == 1 else shlex.join(words)
    elif words:
        fields["command"] = list(words)
    made, fired = service.create(NewSchedule(force=force, **fields), by=BY)
    click.echo(made.id)
    if fired is not None:
        click.echo(fired.async_job_id)
    click.echo(_line(made), err=True)


@command.command("edit")
@click.argument("schedule_id")
@click.option("--handler", "handler_name", help="Run this handler from now on.")
@_timing_options
@click.pass_context
def edit(ctx: click.Context, /, schedule_id: str, **options: Any) -> None:
    """Change a schedule; it is planned anew at once."""
    from qntx.scheduler.edits import EditSchedule

    made = service_of(ctx).edit(schedule_id, EditSchedule(**_given(options)), by=BY)
    click.echo(_line(made))


@command.command("pause")
@click.argument("schedule_id")
@click.pass_context
def pause(ctx: click.Context, schedule_id: str) -> None:
    """Fire no more until it is resumed; running jobs go on."""
    click.echo(_line(service_of(ctx).pause(schedule_id, by=BY)))


@command.command("resume")
@click.argument("schedule_id")
@click.pass_context
def resume(ctx: click.Context, schedule_id: str) -> None:
    """Fire again, from now on."""
    click.echo(_line(service_of(ctx).resume(schedule_id, by=BY)))


@command.command("trigger")
@click.argument("schedule_id")
@click.pass_context
def trigger(ctx: click.Context, schedule_id: str) -> None:
    """Fire it now; prints the job's id."""
    click.echo(service_of(ctx).trigger(schedule_id).async_job_id)


@command.command("delete")
@click.argument("schedule_id")
@click.pass_context
def delete(ctx: click.Context, schedule_id: str) -> None:
    """Delete it; its jobs, executions and logs stay."""
    service_of(ctx).delete(schedule_id, by=BY)


def service_of(ctx: click.Context) -> ScheduleService:
    """What changes schedules, with the handlers of the built-in application."""
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.scheduler.service import ScheduleService

    app = built_in_app(settings_of(ctx))
    return ScheduleService(app.settings, app.store, app.request, app.registry)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as fields of a schedule."""
    import msgspec

    from qntx.model.durations import parse_duration

    fields = {name: value for name, value in options.items() if value is not None}
    if "jitter" in fields:
        fields["jitter_seconds"] = parse_duration(fields.pop("jitter"))
    if "payload" in fields:
        try:
            fields["payload"] = msgspec.json.decode(fields["payload"])
        except msgspec.DecodeError as error:
            raise BadInput(f"--payload is no JSON: {error}") from None
    return fields


def _line(schedule: Schedule) -> str:
    from qntx.cli.render import safe

    what = schedule.ats_code or schedule.source_url or schedule.handler_name or ""
    when = f"next {local(schedule.next_run_at)}" if schedule.next_run_at else "not by itself"
    name = f"  {safe(schedule.name)}" if schedule.name else ""
    return f"{schedule.id}  {schedule.state:<8}  {schedule.timing}  {when}  {safe(what)}{name}"


def local(at: str | None) -> str:
    """A stored time in the zone of this machine."""
    from datetime import datetime

    from qntx.clock import from_iso

    if at is None:
        return "-"
    return f"{datetime.fromtimestamp(from_iso(at) / 1e6).astimezone():%Y-%m-%d %H:%M:%S %Z}"
