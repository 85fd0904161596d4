"""``qntx explain``: why a job, a schedule or an execution is in its state, and what is next."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("which", metavar="JB_…|SP_…|PX_…")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of sentences.")
@click.pass_context
def command(ctx: click.Context, which: str, as_json: bool) -> None:
    """Say why a job, schedule or execution is in its state, and what happens next."""
    import msgspec

    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.cli.render import safe
    from qntx.explain.sentences import explain_execution, explain_job, explain_schedule

    app = built_in_app(settings_of(ctx))
    if which.startswith("SP_"):
        found = explain_schedule(app.store, which)
    elif which.startswith("PX_"):
        found = explain_execution(app.store, app.registry, which)
    else:
        found = explain_job(app.store, app.registry, which)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    click.echo(f"{found.id}: {found.state}")
    for sentence in found.why:
        click.echo(f"  {safe(sentence)}")
    click.echo("next:")
    for sentence in found.next:
        click.echo(f"  {safe(sentence)}")
