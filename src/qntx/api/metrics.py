"""Figures for Prometheus: of jobs and lines from the store, of requests from this server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from qntx.api.context import Server, ServerContext
from qntx.api.problems import documented
from qntx.clock import monotonic_s
from qntx.maintenance.backlog import backlog
from qntx.maintenance.size_watch import measure
from qntx.storage.interfaces import Store, Totals

PLAIN = "text/plain"
#: The charset is added to it, as to every text: Prometheus takes none that is there twice.
EXPOSITION = "text/plain; version=0.0.4"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
#: Totals over all attempts are read again after so long, seconds.
TOTALS_S = 10.0
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class RequestMetrics:
    """Counts requests and how soon their answers began, by route."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "qntx_http_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "qntx_http_first_byte_seconds",
            "From the request to the beginning of its answer.",
            ("route",),
            buckets=BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        began = monotonic_s()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], monotonic_s() - began)
            await send(message)

        await self._app(scope, receive, sending)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # A route's template, never a path: as many series as there are routes.
        route = str(scope.get("path_template") or "none")
        method = str(scope.get("method"))
        if method not in METHODS:
            method = "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class StoreMetrics(Collector):
    """What the store says at the moment of the question."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._totals: tuple[float, Totals] | None = None

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        context = self._context
        with context.reading() as store:
            counts = store.jobs.counts()
            behind = backlog(context.app.settings, store)
            totals = self._read_totals(store)
        jobs = GaugeMetricFamily("qntx_jobs", "Jobs by status.", labels=("status",))
        for status, number in counts.items():
            jobs.add_metric((status,), number)
        yield jobs
        yield _gauge("qntx_queue_length", "Jobs that wait for a worker.", counts["queued"])
        yield _counter(
            "qntx_lines_stored", "Lines in the store, expired ones included.", totals.stored
        )
        yield _counter("qntx_lines_lost", "Lines that could not be kept.", totals.lost)
        yield _counter("qntx_redactions", "Secrets masked in lines.", totals.redactions)
        yield _gauge("qntx_indexer_backlog_bytes", "Journal bytes not in the store.", behind.bytes)
        yield _gauge("qntx_indexer_lag_seconds", "Age of the oldest of them.", behind.age_s)
        yield from self._sizes()
        workers = context.workers() if context.workers is not None else []
        yield _gauge("qntx_workers", "Worker processes of this server.", len(workers))
        busy = sum(bool(worker.get("jobs")) for worker in workers)
        yield _gauge("qntx_workers_busy", "Of these, the ones with a job.", busy)
        yield _gauge("qntx_streams", "Open live streams.", context.poller.listeners)

    def _sizes(self) -> Iterator[Metric]:
        storage = measure(self._context.app.settings, self._context.app.store)
        yield _gauge("qntx_database_bytes", "Database and write-ahead log.", storage.database_bytes)
        yield _gauge("qntx_journal_bytes", "Journal segments on the disk.", storage.journal_bytes)
        yield _gauge("qntx_disk_free_bytes", "Free on the disk.", storage.free_bytes)
        limit = storage.limit_bytes or float("inf")
        yield _gauge("qntx_storage_limit_bytes", "Where a warning begins.", limit)

    def _read_totals(self, store: Store) -> Totals:
        """Sums over all attempts, at most ten seconds old."""
        with self._lock:
            if self._totals is None or monotonic_s() - self._totals[0] > TOTALS_S:
                self._totals = (monotonic_s(), store.logs.totals())
            return self._totals[1]


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


@get(
    "/metrics",
    sync_to_thread=True,
    tags=["system"],
    summary="Figures for Prometheus",
    media_type=PLAIN,
    responses={
        200: ResponseSpec(
            bytes, media_type=PLAIN, generate_examples=False, description="Prometheus text."
        ),
        **documented(),
    },
)
def metrics(server: Server) -> Response[bytes]:
    """Jobs, lines, indexer, sizes, workers and requests; needs the token only with auth=always."""
    return Response(generate_latest(server.metrics), media_type=EXPOSITION)


def measured(app: ASGIApp, context: ServerContext) -> ASGIApp:
    """*app*, its requests counted; what the store says is registered, too."""
    context.metrics.register(StoreMetrics(context))
    return RequestMetrics(app, context.metrics)


ROUTES = [metrics]
