"""The one entry point: the only place that runs a handler, whatever it is and whoever asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import qntx.recording.multiprocessing  # noqa: F401 - its patches are among those of a run
from qntx.config import Settings
from qntx.errors import JobStopped
from qntx.journal.run_scope import Run
from qntx.journal.writer import Journal
from qntx.model.job import Claimed
from qntx.recording.context import ActiveRun
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.emitters import ProgressEmitter
from qntx.recording.lines import append_line, record_event
from qntx.recording.session import capturing, ending_forked_children, seal
from qntx.runtime.context import Control, JobContext, Ports, WaitingForChildren
from qntx.runtime.outcome import Outcome, failure, jsonable, stopped, with_retry
from qntx.runtime.registry import Handler, Registry
from qntx.runtime.requests import request_of
from qntx.runtime.token_channel import TokenSender


class Attempt:
    """One attempt of a job: what it needs while it runs, and how it ended."""

    def __init__(
        self,
        handler: Handler,
        job: Claimed,
        *,
        journal: Journal,
        settings: Settings,
        ports: Ports,
        registry: Registry | None = None,
        control: Control | None = None,
        emitter: ProgressEmitter | None = None,
        begin: Mapping[str, Any] | None = None,
    ) -> None:
        self.handler = handler
        self.job = job
        self.control = control or Control()
        self.outcome = Outcome("completed")
        self.active = ActiveRun(Run(job.id, job.attempt), journal)
        self._settings = settings
        self._begin = begin
        emit = LogCapturingEmitter(self.active, emitter)
        also = getattr(emit, "broadcast_llm_stream", None)
        sender = TokenSender(settings.home, job.id, job.attempt, also)
        setattr(emit, "broadcast_llm_stream", sender)  # noqa: B010 - an optional capability
        request = request_of if registry is None else registry.request
        self.context = JobContext(job, self.active, emit, settings, ports, self.control, request)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the handler: captured, begun and ended; the outcome is in :attr:`outcome`."""
        with capturing(self.active, self._settings.capture):
            begin_attempt(self.active, self.job, self._begin)
            pid = os.getpid()
            try:
                with ending_forked_children(pid):
                    yield
            except asyncio.CancelledError as error:
                if self.control.request is None:
                    self._failed(error)
                else:
                    self._stopped(self.control.exception(self.job.id))
            except JobStopped as stop:
                self._stopped(stop)
            except BaseException as error:  # noqa: BLE001 - SystemExit and the like end it, too
                if self.control.request is not None and _only_stops(error):
                    self._stopped(self.control.exception(self.job.id))
                else:
                    self._failed(error)
            finally:
                self.context.emit.leave(failed=self.outcome.error is not None)
                self._close()
        end_attempt(self.active, self.outcome)

    def returned(self, result: Any) -> None:
        """The handler came to its end."""
        if isinstance(result, WaitingForChildren):
            state = {"waiting_for": "children", "pause_reason": "waiting for its children"}
            self.outcome = Outcome("paused", pulse_state=state, checkpoint=result.state)
        else:
            self.outcome = Outcome("completed", jsonable(result))

    def _close(self) -> None:
        try:
            self.context.close()
        except Exception as error:  # noqa: BLE001 - the attempt has its outcome already
            self.context.emit.warn(f"a port could not be closed: {type(error).__name__}: {error}")

    def _stopped(self, stop: JobStopped) -> None:
        outcome = stopped(stop, self.active, self.context.emit.current)
        # A timeout is no exception of the handler: retried as if its worker had been killed for it.
        self._conclude(outcome, None)

    def _failed(self, error: BaseException) -> None:
        outcome = failure(error, self.active, self.context.emit.current)
        self.context.emit.forward_error(outcome.error_stage or "", outcome.error or "")
        self._conclude(outcome, error)

    def _conclude(self, outcome: Outcome, error: BaseException | None) -> None:
        self.outcome, sayings = with_retry(outcome, error, self.job, self.handler.retry)
        for level, source, text, metadata in sayings:
            append_line(
                self.active,
                self.active.root,
                level,
                self.active.journal.origin(source),
                text,
                metadata,
            )


def execute(handler: Handler, job: Claimed, **needs: Any) -> Outcome:
    """
    Run *handler* for one attempt of *job*, with everything it says captured.

    *needs* are the keyword arguments of `Attempt`. Returns how it ended; exceptions of the handler
    are part of that, not raised.
    """
    attempt = Attempt(handler, job, **needs)
    with attempt.running():
        attempt.context.check()  # it may have been asked to stop while it waited for its turn
        payload = handler.payload(job.payload)
        result = handler.function(attempt.context, payload)
        if asyncio.iscoroutine(result):
            result = asyncio.run(_interruptible(result, attempt.control))
        attempt.returned(result)
    return attempt.outcome


async def execute_async(handler: Handler, job: Claimed, **needs: Any) -> Outcome:
    """As :func:`execute`, in a running event loop: many async handlers run at once."""
    attempt = Attempt(handler, job, **needs)
    with attempt.running():
        attempt.context.check()
        payload = handler.payload(job.payload)
        running = handler.function(attempt.context, payload)
        attempt.returned(await _interruptible(running, attempt.control))
    return attempt.outcome


async def _interruptible(running: Coroutine[Any, Any, Any], control: Control) -> Any:
    """What *running* gives; it is cancelled when the job is asked to stop, whoever asks."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupt() -> None:
        with suppress(RuntimeError):  # the loop is closed: it came too late
            loop.call_soon_threadsafe(task.cancel)

    control.on_request = interrupt
    try:
        if control.request is not None:
            task.cancel()
        return await running
    finally:
        control.on_request = None


def _only_stops(error: BaseException) -> bool:
    """Whether *error* is what tasks in a group make of the request that their job stop."""
    return isinstance(error, BaseExceptionGroup) and (
        error.split((JobStopped, asyncio.CancelledError))[1] is None
    )


def begin_attempt(active: ActiveRun, job: Claimed, more: Mapping[str, Any] | None) -> None:
    """Record that an attempt of *job* begins in this process."""
    fields = {"pid": os.getpid(), "execution_id": job.execution_id, **(more or {})}
    active.journal.event(active.root, "begin", fields)


def end_attempt(active: ActiveRun, outcome: Outcome) -> None:
    """Record how the attempt ended: after all its lines, and stored together with the last."""
    fields = {**outcome.fields(), "accepted": active.run.accepted}
    record_event(active, active.root, "end", fields)
    seal(active)
