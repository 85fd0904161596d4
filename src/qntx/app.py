"""The composition root: settings in, a running qntx out."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeVar

import msgspec

from qntx.config import Settings, load
from qntx.errors import BadInput, StoreUnavailable
from qntx.indexer.launch import IndexerProcess
from qntx.model.ids import new_id
from qntx.model.job import Claimed, JobRequest
from qntx.recording.emitters import ProgressEmitter
from qntx.recording.session import close_journals, journal_of
from qntx.runtime.cancellation_watcher import watching_for_cancellation
from qntx.runtime.context import Control
from qntx.runtime.execute import execute
from qntx.runtime.outcome import Outcome
from qntx.runtime.registry import F, Registry
from qntx.storage.sqlite.attempt_writes import UNSUPERVISED
from qntx.storage.sqlite.queue import JobQueue
from qntx.storage.sqlite.store import Store

Port = TypeVar("Port")

#: How long to wait for the last lines of a foreground run to be in the store, seconds.
SETTLE_S = 30.0


class App:  # budget: the one object that users hold; each method is a line or a few
    """
    An application: its handlers, what they need, and the data directory they work in.

        app = App()

        @app.handler("reports.daily")
        def daily(ctx, payload): ...

        app.run("reports.daily", {"day": "2026-01-31"})     # here and now, captured
        app.enqueue("reports.daily", {"day": "2026-01-31"}) # for a worker of `qntx serve`
    """

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self.settings = settings or load(**overrides)
        self.registry = Registry()
        self.ports: dict[type, Callable[[Settings], Any]] = {}
        self.store = Store(self.settings.database)
        self._indexer: IndexerProcess | None = None

    # -- composition -----------------------------------------------------------------------------

    def handler(self, name: str, **options: Any) -> Callable[[F], F]:
        """Register the decorated function or class as a handler; see `Registry.handler`."""
        return self.registry.handler(name, **options)

    def schedule(self, key: str, when: str, handler: str, payload: Any = None, **more: Any) -> None:
        """Keep a schedule in code; see `Registry.schedule`."""
        self.registry.schedule(key, when, handler, payload, **more)

    def provide(self, port: type[Port], factory: Callable[[Settings], Port]) -> None:
        """Have ``ctx.get(port)`` give what *factory* makes."""
        self.ports[port] = factory

    def load(self, modules: Sequence[str]) -> None:
        """
        Import *modules* and take over the handlers that they declare.

        ``package.module`` may hold an ``App`` or ``Registry`` under any name;
        ``package.module:name`` names it. Raises BadInput when there is none.
        """
        for spec in modules:
            module_name, _, attribute = spec.partition(":")
            try:
                module = importlib.import_module(module_name)
            except ImportError as error:
                raise BadInput(
                    f"module {module_name!r} cannot be imported: {error} - "
                    "check the setting app (QNTX_APP) and the Python path"
                ) from error
            found = [getattr(module, attribute, None)] if attribute else vars(module).values()
            taken = [value for value in found if isinstance(value, App | Registry)]
            if not taken:
                raise BadInput(
                    f"{spec!r} holds no qntx App or Registry - name it as package.module:variable"
                )
            for value in taken:
                self.include(value)

    def include(self, other: App | Registry) -> None:
        """Take over the handlers, schedules and ports of *other*."""
        self.registry.include(other.registry if isinstance(other, App) else other)
        if isinstance(other, App):
            self.ports.update(other.ports)

    def load_installed(self) -> None:
        """
        Take over what installed packages declare in the entry point group ``qntx.apps``.

        Each names an `App` or `Registry`. Raises BadInput with the entry point that names none.
        """
        for point in entry_points(group="qntx.apps"):
            try:
                found = point.load()
            except Exception as error:  # importing runs code of others
                raise BadInput(
                    f"the entry point {point.name!r} = {point.value!r} cannot be loaded: {error} - "
                    "repair or uninstall the package that declares it"
                ) from error
            if not isinstance(found, App | Registry):
                raise BadInput(
                    f"the entry point {point.name!r} = {point.value!r} is no qntx App or Registry"
                )
            self.include(found)

    # -- the queue -------------------------------------------------------------------------------

    def enqueue(self, handler_name: str, payload: Any = None, **options: Any) -> str:
        """
        Put a job on the queue; returns its id. *options* are the fields of `JobRequest`.

        Raises UnknownHandler, or BadInput when the payload does not fit the handler.
        """
        return self.enqueue_all([self.request(handler_name, payload, **options)])[0]

    @property
    def queue(self) -> JobQueue:
        """The queue: cancel, pause, resume and retry jobs."""
        return self.store.queue

    def enqueue_all(self, requests: Sequence[JobRequest]) -> list[str]:
        """Put many jobs on the queue at once, all or none; returns their ids."""
        return self.store.queue.enqueue(requests)

    def request(self, handler_name: str, payload: Any = None, **options: Any) -> JobRequest:
        """A checked request for a job; see :meth:`enqueue`."""
        return self.registry.request(handler_name, payload, **options)

    # -- in the foreground -------------------------------------------------------------------------

    def run(
        self,
        handler_name: str,
        payload: Any = None,
        *,
        source: str | None = None,
        emitter: ProgressEmitter | None = None,
        control: Control | None = None,
        on_start: Callable[[str], None] | None = None,
    ) -> tuple[str, Outcome]:
        """
        Run a job here and now, captured like any other; returns its id and how it ended.

        It needs no server: the indexer runs as a child of this process, unless one is at work.
        """
        request = self.request(handler_name, payload, source=source or handler_name)
        handler = self.registry.get(handler_name)
        job = Claimed(
            id=new_id("JB"),
            handler_name=handler.name,
            source=request.source,
            payload=request.payload,
            attempt=1,
        )
        journal = journal_of(self.settings.home, self.settings.capture)
        control = control or Control()
        with (
            self.indexing(),
            watching_for_cancellation(
                self.settings.database, job.id, control.ask, handler.timeout_s
            ),
        ):
            if on_start is not None:
                on_start(job.id)
            outcome = execute(
                handler,
                job,
                journal=journal,
                settings=self.settings,
                ports=self.ports,
                registry=self.registry,
                control=control,
                emitter=emitter,
                begin=foreground_fields(job, journal.producer),
            )
            self.settle(job.id)
        return job.id, outcome

    def settle(self, job_id: str, timeout_s: float = SETTLE_S) -> None:
        """Wait until the end of *job_id* is in the store; raises StoreUnavailable after that."""
        deadline = time.monotonic() + timeout_s
        pause = 0.002
        while time.monotonic() < deadline:
            with contextlib.suppress(StoreUnavailable):
                attempts = self.store.jobs.attempts(job_id)
                if attempts and attempts[-1].ended_at is not None:
                    return
            if self._indexer is not None:
                self._indexer.ensure()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        raise StoreUnavailable(
            f"what job {job_id} said is not in {self.settings.database} after {timeout_s:.0f} s - "
            "it is safe in the journal and will be stored by the next qntx command that can write"
        )

    def ensure_indexer(self) -> None:
        """Start the indexer anew if it died while code inside :meth:`indexing` runs."""
        if self._indexer is not None:
            self._indexer.ensure()

    @contextlib.contextmanager
    def indexing(self) -> Iterator[None]:
        """See to it that an indexer is at work while the code inside runs."""
        if self._indexer is not None:
            yield
            return
        self._indexer = IndexerProcess(self.settings.home)
        try:
            yield
        finally:
            left = close_journals()
            self._indexer.stop()
            self._indexer = None
            if left:
                raise StoreUnavailable(
                    f"{left:,} lines could not be kept: the disk under {self.settings.home} is "
                    "full - free some space; the log says where they are missing"
                )


def foreground_fields(job: Claimed, producer: str, run_kind: str = "foreground") -> dict[str, Any]:
    """What the beginning of a run without a queue tells the indexer: its job's row."""
    row = {
        "id": job.id,
        "source": job.source,
        "handler_name": job.handler_name,
        "payload": msgspec.json.encode(job.payload).decode(),
        "max_attempts": 1,
        "parent_job_id": None,
        "execution_id": None,
        "run_kind": run_kind,
    }
    return {"job": row, "worker": UNSUPERVISED + producer}
