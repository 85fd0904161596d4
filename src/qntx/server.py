"""The composition of a server: workers, indexer, clock, housekeeping, and the API with its UI."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from urllib.parse import urlsplit

from qntx.api.listening import check_bind
from qntx.api.security.hosts import is_loopback
from qntx.api.security.sessions import login_url
from qntx.api.served import Served
from qntx.api.server import Server
from qntx.config import Settings
from qntx.maintenance.loop import MaintenanceLoop
from qntx.maintenance.webhook import webhook_of
from qntx.runtime.supervisor import Supervisor
from qntx.scheduler import declared
from qntx.scheduler.service import ScheduleService
from qntx.scheduler.ticker import Ticker


class Composed(Served, Protocol):
    """An application, as whoever composes a server for it sees it."""

    def indexing(self) -> AbstractContextManager[None]:
        """Within it an indexer is at work."""

    def ensure_indexer(self) -> None:
        """Start the indexer anew if it died."""


def serve(
    app: Composed,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    allow_remote: bool = False,
    modules: Sequence[str] = (),
    ready: Callable[[str], None] | None = None,
) -> None:
    """
    Serve *app* until SIGTERM or SIGINT; running jobs may finish then. See `App.serve`.

    Workers import *modules*, and those that the settings name. Raises BadInput for an address that
    cannot be used, StoreUnavailable for a database that cannot be.
    """
    settings, listening = app.settings, app.settings.server
    host = host or listening.host
    check_bind(
        host, listening.port if port is None else port, allow_remote or listening.allow_remote
    )
    # Opening the store first: a database that cannot be used is said before anything starts.
    app.store.prepare()
    supervisor = _supervisor(app, workers, modules)
    ticker = Ticker(settings, app.request)
    maintenance = MaintenanceLoop(settings, webhook_of(settings))
    with app.indexing():
        _apply_schedules(app)
        server = Server(app, host, port, workers=supervisor.status, maintenance=maintenance)
        supervisor.start()
        ticker.start()
        maintenance.start()
        try:
            (ready or (lambda url: _announce(settings, host, url)))(server.url)
            server.run()
        finally:
            maintenance.stop()
            ticker.stop()
            supervisor.stop()


def work(
    app: Composed, *, workers: int | None = None, grace_s: float, ready: Callable[[int], None]
) -> None:
    """
    Run workers for *app* without a server until SIGTERM or SIGINT.

    Running jobs get *grace_s* seconds to end; *ready* is called with the number of workers.
    """
    app.store.prepare()
    wait = wait_for_shutdown_signal()
    supervisor = _supervisor(app, workers)
    with app.indexing():
        supervisor.start()
        try:
            ready(app.settings.server.workers if workers is None else workers)
            wait()
        finally:
            supervisor.stop(grace_s)


def wait_for_shutdown_signal() -> Callable[[], object]:
    """
    From now on SIGINT and SIGTERM end nothing by themselves; the result waits for one of them.

    It waits on a pipe: a signal that the system hands to another thread would not wake the main
    thread from a lock, and setting an event in a handler may wait for itself.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return lambda: os.read(reader, 1)


def _supervisor(app: Composed, workers: int | None, modules: Sequence[str] = ()) -> Supervisor:
    settings = app.settings
    to_import = list(dict.fromkeys([*settings.app, *modules]))
    return Supervisor(
        settings.model_copy(update={"app": to_import}),
        settings.server.workers if workers is None else workers,
        keepalive=app.ensure_indexer,
    )


def _apply_schedules(app: Composed) -> None:
    """Bring the kept schedules in line with those that the code of *app* declares."""
    kept = ScheduleService(app.settings, app.store, app.request, app.registry)
    for key in declared.apply(kept, app.registry.schedules).over:
        _print(f"schedule {key!r} is declared for a time that has passed: it will not fire")


def _announce(settings: Settings, host: str, url: str) -> None:
    """Print where the server is, and how a browser gets in where it has to prove who it is."""
    _print(f"QNTX Pulse: {url} (Ctrl-C stops it)")
    if settings.server.auth == "always" or not is_loopback(host):
        login = login_url(settings.home, host, urlsplit(url).port or 80)
        _print(
            f"log in: {login} (once, within a minute; qntx token login-url makes another)",
        )
    if not is_loopback(host):
        _print(
            "warning: other machines can reach it, and it speaks plain HTTP: put it behind "
            "a proxy with TLS"
        )


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
