"""``qntx serve``: workers, indexer, API and web UI in one small process tree."""

from __future__ import annotations

from typing import Any

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
    from qntx.api.listening import check_bind
    from qntx.api.server import serve
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx.maintenance.loop import MaintenanceLoop
    from qntx.maintenance.webhook import webhook_of
    from qntx.runtime.supervisor import Supervisor
    from qntx.scheduler import declared
    from qntx.scheduler.service import ScheduleService
    from qntx.scheduler.ticker import Ticker

    settings = settings_of(ctx)
    app = built_in_app(settings)
    # Opening the store first: a database that cannot be used is said before anything starts.
    app.store.prepare()
    host = host or settings.server.host
    port = settings.server.port if port is None else port
    number = settings.server.workers if workers is None else workers
    check_bind(host, port, allow_remote or settings.server.allow_remote)
    supervisor = Supervisor(settings, number, keepalive=app.ensure_indexer)
    ticker = Ticker(settings, app.request)
    maintenance = MaintenanceLoop(settings, webhook_of(settings))
    with app.indexing():
        kept = ScheduleService(settings, app.store, app.request, app.registry)
        for key in declared.apply(kept, app.registry.schedules).over:
            click.echo(
                f"schedule {key!r} is declared for a time that has passed: it will not fire",
                err=True,
            )
        supervisor.start()
        ticker.start()
        maintenance.start()
        try:
            serve(
                app,
                host,
                port,
                workers=supervisor.status,
                maintenance=maintenance,
                ready=lambda url: _say(settings, host, url),
            )
        finally:
            maintenance.stop()
            ticker.stop()
            supervisor.stop()


def _say(settings: Any, host: str, url: str) -> None:
    """Where the server is, and how a browser gets in where it has to prove who it is."""
    from urllib.parse import urlsplit

    from qntx.api.security.hosts import is_loopback
    from qntx.cli.token import login_url

    click.echo(f"QNTX Pulse: {url} (Ctrl-C stops it)", err=True)
    if settings.server.auth == "always" or not is_loopback(host):
        port = urlsplit(url).port or 80
        click.echo(
            f"log in: {login_url(settings, host, port)} (once, within a minute; qntx token "
            "login-url makes another)",
            err=True,
        )
    if not is_loopback(host):
        click.echo(
            "warning: other machines can reach it, and it speaks plain HTTP: put it behind "
            "a proxy with TLS",
            err=True,
        )
