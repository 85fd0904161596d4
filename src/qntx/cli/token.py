"""``qntx token``: what the API asks for, and how a browser logs in."""

from __future__ import annotations

import click


@click.group("token", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the token of the data directory (or rotate it, or make a login address)."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@command.command("show")
@click.pass_context
def show(ctx: click.Context) -> None:
    """Print the token; it is made if there is none yet."""
    from qntx.api.security.tokens import token_of
    from qntx.cli import settings_of

    click.echo(token_of(settings_of(ctx).home))


@command.command("rotate")
@click.pass_context
def rotate_(ctx: click.Context) -> None:
    """Make a new token and print it; the old one and all logins are void at once."""
    from qntx.api.security.tokens import rotate
    from qntx.cli import settings_of

    click.echo(rotate(settings_of(ctx).home))


@command.command("login-url")
@click.option("--host", help="Name or address of the server (default: as in the settings).")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port (default 8820).")
@click.pass_context
def login_url_(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Print an address that logs one browser in, once, within a minute."""
    from qntx.api.security.sessions import login_url
    from qntx.cli import settings_of

    settings = settings_of(ctx)
    click.echo(login_url(settings.home, host or settings.server.host, port or settings.server.port))
