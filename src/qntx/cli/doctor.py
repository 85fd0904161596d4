"""``qntx doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import platform

import click


@click.command("doctor")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Check the data directory and what qntx runs on; exit code 1 when something is wrong."""
    from qntx.app import App
    from qntx.cli import settings_of
    from qntx.errors import SEE_DOCTOR, StoreUnavailable
    from qntx.journal.spool_files import unannounced_output

    app = App(settings_of(ctx))
    home, store = app.settings.home, app.store
    click.echo(f"python      {platform.python_version()} on {platform.system()}")
    click.echo(f"home        {home}")
    try:
        version, check = store.version(), store.check()
    except StoreUnavailable as error:
        click.echo(f"database    {error.message.removesuffix(SEE_DOCTOR)}")
        ctx.exit(1)
    click.echo(f"database    {store.location}, {store.engine} {version}")
    click.echo(f"integrity   {check}")
    owner = store.lock_owner()
    if owner is not None:
        click.echo(f"writer      {owner.text}")
    click.echo(f"indexer     {_indexer(store.leadership('indexer').is_taken())}")
    known = app.store.supervisors.live_handlers()
    workers = "none at work" if known is None else f"at work, with {len(known)} handlers"
    click.echo(f"workers     {workers}")
    waiting = list((home / "journal").glob("*.seg")) if (home / "journal").exists() else []
    click.echo(f"journal     {len(waiting)} open segment(s)")
    lost = unannounced_output(home, store.logs.spools())
    for path in lost:
        click.echo(
            f"output      {path} is in no log: its process died before it could say whose it is"
            " - look into it (512 bytes in), then remove it"
        )
    stuck = owner is not None and owner.stopped
    ctx.exit(0 if check == "ok" and not stuck and not lost else 1)


def _indexer(at_work: bool | None) -> str:
    if at_work is None:
        return "never ran here"
    return "at work" if at_work else "none at work (one starts with qntx serve, or with a run)"
