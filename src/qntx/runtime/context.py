"""What a handler is given: its job, its emitter, its ports, and requests that it stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from qntx.config import Settings
from qntx.errors import (
    BadInput,
    JobCancelled,
    JobInterrupted,
    JobPaused,
    JobStopped,
    JobTimedOut,
    StoreUnavailable,
)
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.recording.context import ActiveRun
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.lines import record_event
from qntx.runtime.children import enqueue_child
from qntx.runtime.requests import MakesRequests, request_of

Port = TypeVar("Port")
Ports = Mapping[type, Callable[[Settings], Any]]

STOPS: dict[str, type[JobStopped]] = {
    "cancel": JobCancelled,
    "pause": JobPaused,
    "timeout": JobTimedOut,
    "shutdown": JobInterrupted,
    "orphaned": JobInterrupted,
    "lease_lost": JobInterrupted,
}
#: Why an interrupted attempt ended, by what it was asked for.
_REASONS = {"orphaned": "server_restarted", "lease_lost": "lease_expired"}


class Control:
    """Carries the request to stop from whoever has it to the running handler."""

    #: Made by the first who waits: most handlers never do.
    _event: threading.Event | None = None

    def __init__(self) -> None:
        self.request: str | None = None
        #: Called (in the thread that asks) when a stop is asked for; async handlers need it.
        self.on_request: Callable[[], None] | None = None

    def ask(self, request: str) -> None:
        """Ask the handler to stop: ``cancel``, ``pause``, ``timeout``, ``shutdown``, …"""
        if self.request is None:
            self.request = request
        if self._event is not None:
            self._event.set()
        if self.on_request is not None:
            self.on_request()

    def wait(self, timeout_s: float) -> bool:
        """Wait up to *timeout_s* seconds; True as soon as a stop is asked for."""
        event: threading.Event = vars(self).setdefault("_event", threading.Event())
        # Looked at when the event is there: whoever asks later sets it.
        return self.request is not None or event.wait(timeout_s)

    def exception(self, job_id: str) -> JobStopped:
        """The exception that stands for the request."""
        request = self.request or "cancel"
        stop = STOPS[request](f"job {job_id} was asked to stop: {request}")
        if isinstance(stop, JobInterrupted):
            stop.reason = _REASONS.get(request, stop.reason)
        return stop


class WaitingForChildren:
    """What a handler returns that goes on when its children are over."""

    def __init__(self, state: Any) -> None:
        self.state = state


class JobContext:
    """The running job, as its handler sees it."""

    def __init__(
        self,
        job: Claimed,
        active: ActiveRun,
        emit: LogCapturingEmitter,
        settings: Settings,
        ports: Ports,
        control: Control,
        request: MakesRequests = request_of,
    ) -> None:
        self.job = job
        #: Speaks to the log, and to whoever watches the job.
        self.emit = emit
        self.settings = settings
        self._active = active
        self._ports = ports
        self._control = control
        self._request = request
        self._adapters: dict[type, Any] = {}

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.job.attempt

    @property
    def state(self) -> Any:
        """What the last attempt passed to :meth:`checkpoint`, or None."""
        return self.job.checkpoint

    @property
    def should_stop(self) -> bool:
        """Whether the job was asked to stop; a handler that polls it may end in good order."""
        return self._control.request is not None

    def check(self) -> None:
        """Raise JobCancelled, JobPaused, … if the job was asked to stop."""
        if self._control.request is not None:
            raise self._control.exception(self.job_id)

    def sleep(self, seconds: float) -> None:
        """Sleep, but wake and raise as :meth:`check` does when the job is asked to stop."""
        self._control.wait(seconds)
        self.check()

    def checkpoint(self, state: Any) -> None:
        """Keep *state* (anything JSON can say): the next attempt of this job receives it."""
        record_event(self._active, self._active.root, "checkpoint", {"state": state})

    def spawn(
        self,
        handler_name: str,
        payload: Any = None,
        *,
        source: str | None = None,
        priority: int = 0,
        delay_s: float = 0.0,
        unique: bool = False,
        idempotency_key: str | None = None,
    ) -> str:
        """
        Put a child of this job on the queue; returns its id at once.

        The keywords are those of `App.enqueue`; with *unique* or an *idempotency_key* the id may
        be that of a job that is there already. The child goes on whatever becomes of this job,
        unless that is cancelled. Raises UnknownHandler or BadInput.
        """
        child = new_id("JB")
        request = self._request(
            handler_name,
            payload,
            source=source,
            priority=priority,
            delay_s=delay_s,
            unique=unique,
            idempotency_key=idempotency_key,
        )
        if request.unique or request.idempotency_key is not None:
            with suppress(StoreUnavailable):
                return enqueue_child(self.settings, self.job, request, child)
            # Nobody can tell now whether there is a twin: the child becomes it, if there is one.
        fields = {"id": child, "request": request}
        record_event(self._active, self._active.root, "spawn", fields)
        return child

    def after_children(self, state: Any) -> WaitingForChildren:
        """
        Return this from the handler to go on when all children are over, without holding a worker.

        The handler is then run again, as a new attempt, with *state* as its :attr:`state`.
        """
        return WaitingForChildren(state)

    def get(self, port: type[Port]) -> Port:
        """The adapter for *port*; one per run, closed at its end. Raises BadInput if none."""
        if port not in self._adapters:
            factory = self._ports.get(port)
            if factory is None:
                raise BadInput(f"nothing is provided for {port.__name__} - see App.provide")
            self._adapters[port] = factory(self.settings)
        adapter: Port = self._adapters[port]
        return adapter

    def close(self) -> None:
        """Close the adapters that were used."""
        for adapter in self._adapters.values():
            close = getattr(adapter, "close", None)
            if callable(close):
                close()
