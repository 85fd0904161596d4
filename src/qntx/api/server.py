"""The HTTP server: the API, the live stream and the web UI on one port."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from qntx.api import (
    actions,
    contributed,
    events,
    executions,
    explanations,
    jobs,
    login,
    logs,
    metrics,
    openapi,
    pages,
    problems,
    retention,
    schedules,
    search,
    static_pages,
    stream,
    system,
)
from qntx.api.context import ServerContext, WorkersInfo
from qntx.api.filters import log_filter
from qntx.api.head_requests import Heads
from qntx.api.listening import listen
from qntx.api.metrics import measured
from qntx.api.parameters import Parameters
from qntx.api.path_segments import Segments
from qntx.api.security.access import Mode
from qntx.api.security.header_timeout import MAX_CONNECTIONS, HeaderTimeoutProtocol
from qntx.api.security.hosts import AllowedHosts, is_loopback
from qntx.api.security.sessions import Sessions
from qntx.api.security.stack import Guards, Policy, guarded
from qntx.api.security.tokens import Token
from qntx.api.served import Served
from qntx.maintenance.loop import MaintenanceLoop

#: Threads that read the store, each with a connection of its own.
READERS = 8
#: How long requests may go on once the server is asked to stop, seconds.
SHUTDOWN_GRACE_S = 3
KEEP_ALIVE_S = 30
#: Above the limits of our own guards, so that those can answer in the usual form.
MAX_HEAD_BYTES = 64 << 10

_ROUTES = (
    *jobs.ROUTES,
    *actions.ROUTES,
    *logs.ROUTES,
    *search.ROUTES,
    *stream.ROUTES,
    *events.ROUTES,
    *system.ROUTES,
    *contributed.ROUTES,
    *schedules.ROUTES,
    *explanations.ROUTES,
    *executions.ROUTES,
    *retention.ROUTES,
    *login.ROUTES,
    *metrics.ROUTES,
    *static_pages.ROUTES,
)


def create_api(
    app: Served,
    *,
    token: str | None = None,
    host: str | None = None,
    port: int | None = None,
    workers: WorkersInfo | None = None,
    maintenance: MaintenanceLoop | None = None,
    guards: Guards | None = None,
) -> Litestar:
    """
    The ASGI application for *app*.

    *token* defaults to the one of the data directory, *host* and *port* (what it is served on,
    which decides the Hosts that are allowed) to the settings. Raises BadInput when the token file
    cannot be used.
    """
    server = app.settings.server
    host = host or server.host
    port = server.port if port is None else port
    mode: Mode = server.auth if is_loopback(host) else "always"
    allowed = AllowedHosts(port, server.allowed_hosts, host)
    sessions = Sessions(app.settings.home, Token(app.settings.home, token), port)
    context = ServerContext.of(app, mode, sessions, workers, maintenance)
    parameters = Parameters()
    shown = sessions.token if mode == "local" else None
    ui = pages.Pages(pages.WebFiles(), allowed, shown, contributed.paths(app.applications))
    routes = [*_ROUTES, *contributed.routes(app.applications)]
    dependencies = {
        "server": Provide(lambda: context, sync_to_thread=False),
        "wanted": Provide(log_filter, sync_to_thread=False),
    }
    described = functools.cache(functools.partial(openapi.describe, routes, dependencies))
    api = Litestar(
        route_handlers=[*routes, openapi.document, *ui.routes()],
        dependencies=dependencies,
        before_request=parameters.check,
        exception_handlers=problems.handlers(ui.fallback),
        state=State({"server": context, "described": described}),
        lifespan=[_readers],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    parameters.learn(api)
    policy = Policy(allowed, sessions, mode, pages.is_page, pages.is_public)
    return _surrounded(api, policy, guards or Guards(), context)


def _surrounded(api: Litestar, policy: Policy, guards: Guards, context: ServerContext) -> Litestar:
    """*api*, with what every request passes before it comes to the routes."""
    answers = guarded(Heads(Segments(api.asgi_handler)), policy, guards)
    api.asgi_handler = measured(answers, context)
    return api


@contextlib.asynccontextmanager
async def _readers(api: Litestar) -> AsyncIterator[None]:
    """A few threads for reading; all streams end when the server does."""
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="qntx-api")
    asyncio.get_running_loop().set_default_executor(pool)
    try:
        yield
    finally:
        api.state.server.close()


class Server:
    """
    A server for *app* on *host* and *port* (0: any free one; :attr:`port` says which).

    Raises BadInput when the address cannot be used.
    """

    def __init__(
        self,
        app: Served,
        host: str | None = None,
        port: int | None = None,
        *,
        workers: WorkersInfo | None = None,
        maintenance: MaintenanceLoop | None = None,
        guards: Guards | None = None,
        token: str | None = None,
    ) -> None:
        settings = app.settings.server
        self.host = host or settings.host
        self._socket = listen(self.host, settings.port if port is None else port)
        self.port: int = self._socket.getsockname()[1]
        self.api = create_api(
            app,
            token=token,
            host=self.host,
            port=self.port,
            workers=workers,
            maintenance=maintenance,
            guards=guards,
        )
        self._server = _Uvicorn(_config(self.api), self.api.state.server)

    @property
    def url(self) -> str:
        """Where to point a browser."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}"

    @property
    def started(self) -> bool:
        """Whether requests are answered."""
        return self._server.started

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT (in the main thread), or until :meth:`stop`."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Have :meth:`run` return soon; may be called from any thread."""
        self._server.should_exit = True


def _config(api: Litestar) -> uvicorn.Config:
    return uvicorn.Config(
        api,
        loop="asyncio",
        http=HeaderTimeoutProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )


class _Uvicorn(uvicorn.Server):
    """Uvicorn that returns to its caller after a signal, and ends streams before it waits."""

    def __init__(self, config: uvicorn.Config, context: ServerContext) -> None:
        super().__init__(config)
        self._context = context

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but the signal is not raised again: the caller has work left to do."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end the streams, let other requests finish."""
        self._context.close()
        await super().shutdown(sockets)
