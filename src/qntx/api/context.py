"""What the routes work with: the application, its store, and who watches it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation
from prometheus_client import CollectorRegistry

from qntx.api.change_feed import ChangeFeed
from qntx.api.database_poller import DatabasePoller
from qntx.api.security.sessions import Sessions
from qntx.api.served import Served
from qntx.clock import now_us
from qntx.errors import NotFound
from qntx.maintenance.loop import MaintenanceLoop
from qntx.model.ids import is_id
from qntx.storage.interfaces import Store

#: Gives what is to be shown of the workers.
WorkersInfo: TypeAlias = Callable[[], Any]


@dataclass(frozen=True, eq=False)
class ServerContext:
    """One server's parts."""

    app: Served
    poller: DatabasePoller
    auth: str
    started_us: int
    sessions: Sessions
    workers: WorkersInfo | None = None
    #: What keeps the data directory in order; None: this server does not.
    maintenance: MaintenanceLoop | None = None
    #: Set when the server stops: what takes long ends early.
    stopping: threading.Event = field(default_factory=threading.Event)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)

    @cached_property
    def feed(self) -> ChangeFeed:
        """What changes, for all who watch."""
        return ChangeFeed(self.poller, self.reading, self.app.settings.home)

    @classmethod
    def of(
        cls,
        app: Served,
        auth: str,
        sessions: Sessions,
        workers: WorkersInfo | None,
        maintenance: MaintenanceLoop | None = None,
    ) -> ServerContext:
        """The context for *app*."""
        return cls(app, DatabasePoller(app.store), auth, now_us(), sessions, workers, maintenance)

    def close(self) -> None:
        """The server stops: streams and long requests end."""
        self.stopping.set()
        self.poller.close()

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """This thread's store, everything read inside being of one moment."""
        store = self.app.store
        with store.reading():
            yield store


#: How a route asks for the context.
Server: TypeAlias = NamedDependency[SkipValidation[ServerContext]]


def checked_job_id(job_id: str) -> str:
    """*job_id* if it could be an id at all; raises NotFound."""
    if not is_id(job_id):
        raise NotFound(f"unknown job {job_id[:80]!r} - GET /api/pulse/jobs lists those that exist")
    return job_id
