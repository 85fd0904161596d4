"""How the server is: alive, ready, and what it is made of."""

from __future__ import annotations

import platform
from importlib.metadata import version

import msgspec
from litestar import get

from qntx.api.context import Server
from qntx.api.problems import documented
from qntx.api.retention import RetentionView, retention_view
from qntx.clock import iso, now_us
from qntx.maintenance.size_watch import StorageView, measure


class Health(msgspec.Struct, frozen=True):
    """The server answers."""

    status: str


class Ready(msgspec.Struct, frozen=True):
    """The store can be used; *warnings* are no reason not to be ready."""

    status: str
    warnings: list[str]


class WorkerView(msgspec.Struct, frozen=True):
    """A worker process; *ready*: it takes jobs. *jobs*: the ids of those that it holds."""

    name: str
    pid: int | None
    ready: bool
    jobs: list[str]


class System(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the server."""

    version: str
    python_version: str
    sqlite_version: str
    auth: str
    started_at: str
    uptime_s: float
    #: Jobs by status.
    jobs: dict[str, int]
    #: Names of the handlers that can be enqueued.
    handlers: list[str]
    #: Live streams that are open.
    streams: int
    #: What the supervisor says of its workers; null when this server has none.
    workers: list[WorkerView] | None
    #: What the data directory takes, and what is free.
    storage: StorageView
    retention: RetentionView
    #: What a person should look at, each a sentence.
    warnings: list[str]


@get("/healthz", sync_to_thread=False, tags=["system"], summary="Alive")
def healthz() -> Health:
    """Whether the server answers at all; needs no token and holds no data."""
    return Health("ok")


@get("/readyz", sync_to_thread=True, tags=["system"], summary="Ready", responses=documented())
def readyz(server: Server) -> Ready:
    """Whether the store can be read; 503 with the reason when it cannot."""
    with server.reading() as store:
        store.jobs.status("")
    return Ready("ready", warnings_of(measure(server.app.settings, server.app.store)))


@get(
    "/api/pulse/system",
    sync_to_thread=True,
    tags=["system"],
    summary="State of the server",
    responses=documented(),
)
def system(server: Server) -> System:
    """Versions, jobs by status, handlers, workers."""
    with server.reading() as store:
        counts = store.jobs.counts()
        file = store.local_file
        grown = file is not None and file.needs_compacting()
        database_version = store.version()
    storage = measure(server.app.settings, server.app.store)
    return System(
        version=version("qntx-pulse"),
        python_version=platform.python_version(),
        sqlite_version=database_version,
        auth=server.auth,
        started_at=iso(server.started_us),
        uptime_s=round((now_us() - server.started_us) / 1e6, 3),
        jobs=counts,
        handlers=server.app.registry.names(),
        streams=server.poller.listeners,
        workers=msgspec.convert(server.workers and server.workers(), list[WorkerView] | None),
        storage=storage,
        retention=retention_view(server),
        warnings=warnings_of(storage) + [_GROWN] * grown,
    )


_GROWN = (
    "most of the database is free space that an old qntx cannot give back - run qntx retention "
    "compact once"
)


def warnings_of(storage: StorageView) -> list[str]:
    """What a person should look at, each a sentence."""
    return [storage.message] if storage.message is not None else []


ROUTES = [healthz, readyz, system]
