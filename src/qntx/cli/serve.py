"""``qntx serve``: workers, indexer, API and web UI in one small process tree."""

from __future__ import annotations

import click


@click.command("serve")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default 8820).")
@click.option("--workers", type=click.IntRange(0, 256), help="Worker processes (default 1).")
@click.option("--allow-remote", is_flag=True, help="Listen where other machines can reach it, too.")
@click.pass_context
def command(
    ctx: click.Context, host: str | None, port: int | None, workers: int | None, allow_remote: bool
) -> None:
    """Run the server until Ctrl-C or SIGTERM; running jobs may finish."""
    from qntx.app import App
    from qntx.cli import settings_of

    app = App(settings_of(ctx))
    app.serve(host=host, port=port, workers=workers, allow_remote=allow_remote)
