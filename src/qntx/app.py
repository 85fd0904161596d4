"""The composition root: settings in, a running qntx out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from qntx.application import Application, declared
from qntx.config import Section, Settings, load
from qntx.errors import BadInput, StoreUnavailable
from qntx.handlers.shell_command import HANDLERS as SHELL_HANDLERS
from qntx.indexer.launch import IndexerProcess
from qntx.model.firing_policy import MissedPolicy, OverlapPolicy
from qntx.model.ids import new_id
from qntx.model.job import UNSUPERVISED, Claimed, JobRequest
from qntx.model.retry import Backoff
from qntx.recording.emitters import ProgressEmitter
from qntx.recording.session import close_journals, journal_of
from qntx.runtime.app_modules import import_app_module, modules_with, refuse_in_worker
from qntx.runtime.cancellation_watcher import watching_for_cancellation
from qntx.runtime.context import Control
from qntx.runtime.execute import execute
from qntx.runtime.outcome import Outcome
from qntx.runtime.registry import F, Registry
from qntx.storage import open_store
from qntx.storage.interfaces import Queue

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
        app.enqueue("reports.daily", {"day": "2026-01-31"}) # for a worker of a server
        app.serve()                                         # that server, until Ctrl-C
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        home: str | Path | None = None,
        app: str | Sequence[str] | None = None,
        **sections: Section | Mapping[str, Any] | None,
    ) -> None:
        """
        *settings*, or those in force (see `qntx.config.load`) with the keywords on top.

        *home* is the data directory, *app* the modules that declare handlers, and each other
        keyword a section of the settings: ``App(server={"port": 0})``. Raises BadInput.
        """
        self.settings = settings or load(home=home, app=app, **sections)
        self.registry = Registry()
        self.ports: dict[type, Callable[[Settings], Any]] = {}
        #: What installed packages contribute.
        self.applications: list[Application] = []
        self.store = open_store(self.settings, self.applications)
        self._indexer: IndexerProcess | None = None

    # -- composition -----------------------------------------------------------------------------

    def handler(
        self,
        name: str,
        *,
        aliases: Sequence[str] = (),
        max_attempts: int = 1,
        retry_on: type[BaseException] | Sequence[type[BaseException]] = (),
        backoff: Backoff | None = None,
        max_crashes: int = 3,
        timeout_s: float | None = None,
        metered: bool = False,
    ) -> Callable[[F], F]:
        """Register the decorated function or class as a handler; see `Registry.handler`."""
        return self.registry.handler(
            name,
            aliases=aliases,
            max_attempts=max_attempts,
            retry_on=retry_on,
            backoff=backoff,
            max_crashes=max_crashes,
            timeout_s=timeout_s,
            metered=metered,
        )

    def schedule(
        self,
        key: str,
        when: str,
        handler: str,
        payload: Any = None,
        *,
        time_zone: str | None = None,
        overlap: OverlapPolicy = "skip",
        missed: MissedPolicy = "one",
        jitter_seconds: int = 0,
        start_at: str | None = None,
        end_at: str | None = None,
        priority: int = 0,
        name: str | None = None,
        metadata: Any = None,
    ) -> None:
        """Keep a schedule in code; see `Registry.schedule`."""
        self.registry.schedule(
            key,
            when,
            handler,
            payload,
            time_zone=time_zone,
            overlap=overlap,
            missed=missed,
            jitter_seconds=jitter_seconds,
            start_at=start_at,
            end_at=end_at,
            priority=priority,
            name=name,
            metadata=metadata,
        )

    def provide(self, port: type[Port], factory: Callable[[Settings], Port]) -> None:
        """Have ``ctx.get(port)`` give what *factory* makes."""
        self.ports[port] = factory

    def load(self, modules: Sequence[str]) -> None:
        """
        Import *modules* and take over the handlers that they declare.

        ``package.module`` (or ``folder/module.py``) may hold an ``App`` or ``Registry`` under any
        name; ``package.module:name`` names it. Raises BadInput when there is none.
        """
        for spec in modules:
            module_name, _, attribute = spec.partition(":")
            module = import_app_module(module_name)
            found = [getattr(module, attribute, None)] if attribute else vars(module).values()
            taken = [value for value in found if isinstance(value, App | Registry | Application)]
            if not taken:
                raise BadInput(
                    f"{spec!r} holds no qntx App, Registry or Application - "
                    "name it as package.module:variable"
                )
            for value in taken:
                self.include(value)

    def include(self, other: App | Registry | Application) -> None:
        """Take over the handlers, schedules, ports and whatever else *other* has."""
        if isinstance(other, Application):
            self._include_application(other)
            return
        self.registry.include(other.registry if isinstance(other, App) else other)
        if isinstance(other, App):
            self.ports.update(other.ports)

    def _include_application(self, other: Application) -> None:
        if other in self.applications:
            return
        for code in other.registries:
            found = other.load(code)
            if not isinstance(found, App | Registry):
                raise BadInput(
                    f"the application {other.name!r} names {code!r} as handlers, which is no qntx "
                    "App or Registry"
                )
            self.include(found)
        if other.ports is not None:
            self.ports.update(other.load(other.ports))
        self.registry.codes.include(other.codes)
        self.applications.append(other)
        self.store.close()  # what is opened next has the application's tables

    def load_installed(self) -> None:
        """
        Take over what installed packages declare in the entry point group ``qntx.apps``.

        Each names an `Application`, `App` or `Registry`. An application that lacks a distribution
        which it requires is left out. Raises BadInput with the entry point that names none.
        """
        for shown, found in declared():
            if not isinstance(found, App | Registry | Application):
                raise BadInput(f"{shown} is not a qntx App, Registry or Application")
            if not isinstance(found, Application) or not found.missing:
                self.include(found)

    def load_configured(self) -> None:
        """Take over what is built in, what installed packages declare, and the setting ``app``."""
        self.include(SHELL_HANDLERS)
        self.load_installed()
        self.load(self.settings.app)

    # -- the queue -------------------------------------------------------------------------------

    def enqueue(
        self,
        handler_name: str,
        payload: Any = None,
        *,
        source: str | None = None,
        priority: int = 0,
        delay_s: float = 0.0,
        unique: bool = False,
        idempotency_key: str | None = None,
        parent_job_id: str | None = None,
        max_attempts: int | None = None,
    ) -> str:
        """
        Put a job on the queue; returns its id.

        *source* says what it is about (default: the handler's name). Higher *priority* goes first,
        and nothing before *delay_s* seconds have passed. With *unique* the id is that of the job of
        this handler and source that is queued, running or paused, if there is one; with an
        *idempotency_key*, that of the job enqueued with it before. *max_attempts* stands for the
        handler's own. Raises UnknownHandler, or BadInput when the payload does not fit the handler.
        """
        request = self.request(
            handler_name,
            payload,
            source=source,
            priority=priority,
            delay_s=delay_s,
            unique=unique,
            idempotency_key=idempotency_key,
            parent_job_id=parent_job_id,
            max_attempts=max_attempts,
        )
        return self.enqueue_all([request])[0]

    @property
    def queue(self) -> Queue:
        """The queue: cancel, pause, resume and retry jobs."""
        return self.store.queue

    def enqueue_all(self, requests: Sequence[JobRequest]) -> list[str]:
        """Put many jobs on the queue at once, all or none; returns their ids."""
        return self.store.queue.enqueue(requests)

    def request(
        self,
        handler_name: str,
        payload: Any = None,
        *,
        source: str | None = None,
        priority: int = 0,
        delay_s: float = 0.0,
        unique: bool = False,
        idempotency_key: str | None = None,
        parent_job_id: str | None = None,
        execution_id: str | None = None,
        max_attempts: int | None = None,
    ) -> JobRequest:
        """A checked request for a job; see :meth:`enqueue`."""
        return self.registry.request(
            handler_name,
            payload,
            source=source,
            priority=priority,
            delay_s=delay_s,
            unique=unique,
            idempotency_key=idempotency_key,
            parent_job_id=parent_job_id,
            execution_id=execution_id,
            max_attempts=max_attempts,
        )

    # -- as a server ------------------------------------------------------------------------------

    def serve(
        self,
        *,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        allow_remote: bool = False,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """
        Run a server (workers, schedules, API, web UI) until Ctrl-C or SIGTERM, as ``qntx serve``.

        The keywords stand for those of the settings' section ``server``; *ready* is called with the
        address (default: it is printed on stderr). To be called in the main thread. Workers import
        the modules that have this `App` as a variable, so call it below ``if __name__ ==
        "__main__":``. Raises BadInput when they would not find it, or the address cannot be used.
        """
        # The server stands below this class, and is loaded when needed: it takes half a second.
        from qntx.server import serve

        refuse_in_worker()
        modules = modules_with(self)
        found = modules or self.settings.app or workers == 0
        if self.registry.names() and not found:
            raise BadInput(
                "no module has this App as a variable, so workers cannot import its handlers - "
                "assign it at the top of a module"
            )
        self.load_configured()
        serve(
            self,
            host=host,
            port=port,
            workers=workers,
            allow_remote=allow_remote,
            modules=modules,
            ready=ready,
        )

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
            watching_for_cancellation(self.store, job.id, control.ask, handler.timeout_s),
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
            try:
                attempts = self.store.jobs.attempts(job_id)
                if attempts and attempts[-1].ended_at is not None:
                    return
            except StoreUnavailable as error:
                if isinstance(error.__cause__, PermissionError):
                    return  # the job has become another user; its indexer has not
            if self._indexer is not None:
                self._indexer.ensure()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.01)
        raise StoreUnavailable(
            f"what job {job_id} said is not in {self.store.location} after {timeout_s:.0f} s - "
            "it is safe in the journal and will be stored by the next qntx command that can write"
        )

    def ensure_indexer(self) -> None:
        """Start the indexer anew if it died while code inside :meth:`indexing` runs."""
        if self._indexer is not None:
            self._indexer.ensure()

    def indexing(self) -> contextlib.AbstractContextManager[None]:
        """See to it that an indexer is at work while the code inside runs."""
        return self._indexing()

    @contextlib.contextmanager
    def _indexing(self, started: IndexerProcess | None = None) -> Iterator[None]:
        if self._indexer is not None:
            yield
            return
        self._indexer = started or IndexerProcess(self.settings.home)
        try:
            yield
        finally:
            not_kept = close_journals()
            self._indexer.stop()
            self._indexer = None
            if not_kept:
                raise StoreUnavailable(f"{not_kept}; the receipt counts them as lost")


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
