"""A worker process: executes the jobs that its supervisor hands to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
import threading
import time
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from qntx.config import Settings
from qntx.journal.background_threads import BackgroundThread
from qntx.model.job import Claimed
from qntx.recording.session import close_journals, journal_of, no_console
from qntx.runtime.context import Control, Ports
from qntx.runtime.execute import execute, execute_async
from qntx.runtime.registry import Registry
from qntx.runtime.wire import (
    EXIT_LEASE_LOST,
    EXIT_ORPHANED,
    Assign,
    Beat,
    Channel,
    Done,
    Leased,
    Ready,
    Recall,
    Returned,
    Stop,
    ToWorker,
)

BEAT_S = 2.0
#: A worker whose supervisor is gone, or whose lease runs out, ends after this at the latest.
LAST_GRACE_S = 5.0
#: Ends of jobs are reported together while there is more to do.
REPORT_S = 0.005


class Worker:
    """
    Takes jobs from the channel to its supervisor.

    Sync handlers run in the main thread, one at a time; async ones in an event loop in another.
    """

    def __init__(
        self, end: socket.socket, registry: Registry, settings: Settings, ports: Ports
    ) -> None:
        self._channel = Channel(end, ToWorker)
        self._send_lock = threading.Lock()
        self._registry = registry
        self._needs: dict[str, Any] = {
            "journal": journal_of(settings.home, settings.capture),
            "settings": settings,
            "ports": ports,
            "registry": registry,
        }
        self._jobs: SimpleQueue[Claimed | None] = SimpleQueue()
        #: By job and attempt: the next attempt may come before the last one is cleared away.
        self._controls: dict[tuple[str, int], Control] = {}
        self._current: Control | None = None
        self._current_id = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lease_s = 60.0
        self._lease_ends = time.monotonic() + self._lease_s
        self._beat_due = time.monotonic() + BEAT_S
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._leaving = False
        self._ended = False
        self._done: list[tuple[str, int]] = []
        self._done_lock = threading.Lock()
        self._unreported = threading.Event()
        self._reported = 0.0

    def run(self) -> None:
        """Execute jobs until the supervisor says enough, or is gone."""
        # Ctrl-C goes to the whole group: the supervisor decides what becomes of running jobs.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)
        no_console()
        BackgroundThread("qntx-channel", self._listen, wake=self._wake_listener).start()
        BackgroundThread("qntx-watchdog", self._watch).start()
        BackgroundThread("qntx-reports", self._report_late, wake=self._unreported.set).start()
        self._send(self._introduction())
        while (job := self._next()) is not None:
            self._run_sync(job)
        self._report(force=True)
        self._end_async()
        close_journals()

    def _next(self) -> Claimed | None:
        if self._leaving:
            return None
        try:
            return self._jobs.get_nowait()
        except Empty:
            self._report(force=True)
            return self._jobs.get()

    def _run_sync(self, job: Claimed) -> None:
        if time.monotonic() > self._lease_ends:
            os._exit(EXIT_LEASE_LOST)  # another worker may have the job by now
        control = self._controls[job.id, job.attempt]
        self._current, self._current_id = control, job.id
        try:
            execute(self._registry.get(job.handler_name), job, control=control, **self._needs)
        finally:
            self._current = None
        del self._controls[job.id, job.attempt]
        with self._done_lock:
            self._done.append((job.id, job.attempt))
        self._report()

    def _report(self, *, force: bool = False) -> None:
        """Tell the supervisor which jobs are over; not *force*: together, if that was just done."""
        now = time.monotonic()
        if not force and now - self._reported <= REPORT_S:
            self._unreported.set()
            return
        with self._done_lock:
            done, self._done = self._done, []
            self._unreported.clear()
        if done:
            self._reported = now
            self._send(Done(done))

    def _report_late(self, stop: threading.Event) -> None:
        """The job after those that are over may be a long one, which is timed from their end."""
        # Asked to stop first: a report clears what woke this, which may have been that.
        while not stop.is_set() and self._unreported.wait() and not stop.wait(REPORT_S):
            self._report(force=True)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """
        SIGTERM: the handler did not stop when it was asked; raise in the middle of it.

        When nobody asked (the whole group is told to end, or by hand): finish the job, then end.
        """
        if self._current is not None and self._current.request is not None:
            raise self._current.exception(self._current_id)
        self._leaving = True
        self._jobs.put(None)

    # -- async handlers --------------------------------------------------------------------------

    def _start_async(self, job: Claimed) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._run_loop, name="qntx-loop", daemon=True).start()
        self._loop.call_soon_threadsafe(self._begin_async, job)

    def _run_loop(self) -> None:
        """
        Run the loop until the worker ends.

        SystemExit in a task that a handler has started leaves the loop, besides reaching whoever
        awaits the task: all other jobs still need it.
        """
        assert self._loop is not None
        while not self._ended:
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_forever()

    def _begin_async(self, job: Claimed) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._run_async(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_async(self, job: Claimed) -> None:
        handler = self._registry.get(job.handler_name)
        control = self._controls[job.id, job.attempt]
        await execute_async(handler, job, control=control, **self._needs)
        del self._controls[job.id, job.attempt]
        self._send(Done([(job.id, job.attempt)]))

    def _end_async(self) -> None:
        """Wait for async handlers that are still at work, then end their loop."""
        if self._loop is None:
            return
        while self._tasks:
            time.sleep(0.01)
        self._ended = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    # -- the supervisor --------------------------------------------------------------------------

    def _introduction(self) -> Ready:
        handlers = list(self._registry)
        return Ready(
            sync=[h.name for h in handlers if not h.is_async],
            asynchronous=[h.name for h in handlers if h.is_async],
            metered=[h.name for h in handlers if h.metered],
            timeouts={h.name: h.timeout_s for h in handlers if h.timeout_s is not None},
            policies={
                h.name: (
                    h.retry.backoff.base_s,
                    h.retry.backoff.factor,
                    h.retry.backoff.limit_s,
                    h.retry.backoff.jitter,
                    h.retry.max_crashes,
                )
                for h in handlers
            },
        )

    def _send(self, message: Ready | Done | Returned | Beat) -> None:
        with contextlib.suppress(OSError), self._send_lock:
            self._channel.send(message)

    def _listen(self, stop: threading.Event) -> None:
        with contextlib.suppress(OSError):  # a handler may have closed all descriptors
            while self._has_message():
                if stop.is_set():
                    return
                messages = self._channel.receive()
                if messages is None:
                    break
                for message in messages:
                    self._handle(message)
        self._give_up("orphaned", EXIT_ORPHANED)

    def _has_message(self) -> bool:
        """Wait for the supervisor, or for :meth:`_wake_listener`; always true."""
        ready, _, _ = select.select([self._channel.fileno(), self._woken], [], [])
        if self._woken in ready:
            os.eventfd_read(self._woken)
        return True

    def _wake_listener(self) -> None:
        with contextlib.suppress(OSError):
            os.eventfd_write(self._woken, 1)

    def _handle(self, message: ToWorker) -> None:
        if isinstance(message, Assign):
            for job in message.jobs:
                self._controls[job.id, job.attempt] = Control()
                if self._registry.get(job.handler_name).is_async:
                    self._start_async(job)
                else:
                    self._jobs.put(job)
        elif isinstance(message, Recall):
            self._send(Returned(self._take_back()))
        elif isinstance(message, Stop):
            # One that is over or was given back hears nothing, and its next attempt neither.
            for (job_id, _), control in list(self._controls.items()):
                if job_id == message.job_id:
                    control.ask(message.request)
        elif isinstance(message, Leased):
            self._lease_s = message.lease_s
            self._lease_ends = time.monotonic() + message.lease_s
        else:
            self._jobs.put(None)

    def _take_back(self) -> list[str]:
        taken: list[str] = []
        with contextlib.suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                taken.append(job.id)
                del self._controls[job.id, job.attempt]
            self._jobs.put(None)
        return taken

    def _watch(self, stop: threading.Event) -> None:
        """Say that we are alive; stop our own jobs when the lease on them runs out."""
        # By the clock: a job that forks all the time stops this thread as often.
        while not stop.wait(max(0.0, self._beat_due - time.monotonic())):
            now = time.monotonic()
            self._beat_due = now + min(BEAT_S, self._lease_s / 4)
            self._send(Beat())
            if self._controls and now > self._lease_ends:
                os._exit(EXIT_LEASE_LOST)  # stopped for long: others have our jobs by now
            if self._controls and now > self._lease_ends - min(LAST_GRACE_S, self._lease_s / 4):
                self._give_up("lease_lost", EXIT_LEASE_LOST)

    def _give_up(self, request: str, code: int) -> None:
        """Nobody counts on this worker any more: end its jobs in good order, or hard."""
        for control in list(self._controls.values()):
            control.ask(request)
        self._jobs.put(None)
        time.sleep(LAST_GRACE_S)
        os._exit(code)
