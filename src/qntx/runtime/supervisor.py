"""Keeps workers alive and busy, delivers stop requests to running jobs, renews leases."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import threading
import time
import traceback
from collections.abc import Callable

from qntx.config import Settings
from qntx.errors import StoreUnavailable
from qntx.explain.wait_reasons import WaitReasons
from qntx.recording.session import journal_of
from qntx.runtime.dispatch import Dispatcher
from qntx.runtime.leases import LEASE_S, Leases
from qntx.runtime.rescue import give_back, rescue
from qntx.runtime.stop_requests import STOP_GRACE_S, TERM_GRACE_S, StopRequests
from qntx.runtime.wire import Beat, Done, Leased, Ready, Returned, Shutdown, Stop
from qntx.runtime.worker_process import WorkerProcess, death_reason, oom_kills, spawn
from qntx.storage import open_store
from qntx.storage.interfaces import Store

LOG = logging.getLogger("qntx.runtime")
#: How often to look without being woken, seconds: delayed jobs, lost wake-ups.
SUPERVISOR_ROUND_S = 0.5
#: The longest pause before a worker is started that could not start the last times, seconds.
MAX_SPAWN_PAUSE_S = 30.0


class Supervisor:
    """Claims jobs and hands them to its workers; runs in a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        workers: int,
        *,
        lease_s: float = LEASE_S,
        stop_grace_s: float = STOP_GRACE_S,
        keepalive: Callable[[], object] | None = None,
    ) -> None:
        """*keepalive* is called every half second at least: what else has to be kept alive."""
        self._settings = settings
        self._wanted = workers
        self._keepalive = keepalive
        self._journal = journal_of(settings.home, settings.capture)
        self._workers: list[WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._grace_s = 10.0
        self._thread: threading.Thread | None = None
        self._number = 0
        self._spawn_at = 0.0
        self._failed_starts = 0
        self._culprit = 0
        self._stop_requests = StopRequests(self._workers, stop_grace_s)
        self._store = open_store(settings)
        self._wakeup = self._store.wakeup("jobs")
        self._leases = Leases(self._store.supervisors, lease_s, self._journal)

    def start(self) -> None:
        """Start the workers, and supervise them in the background."""
        self._wakeup.listen()
        for fd in self._wakeup.descriptors:
            self._selector.register(fd, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="qntx-supervisor", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = 10.0) -> None:
        """End the workers: running jobs may finish within *grace_s* seconds, or are requeued."""
        self._grace_s = grace_s
        self._stopping.set()
        self._wakeup.notify()
        if self._thread is not None:
            self._thread.join(grace_s + 15)

    def status(self) -> list[dict[str, object]]:
        """The workers: name, process id, whether ready, and the jobs they hold."""
        return [
            {
                "name": w.name,
                "pid": w.process.pid,
                "ready": w.introduced is not None,
                "jobs": list(w.jobs),
            }
            for w in list(self._workers)
        ]

    # -- the loop ------------------------------------------------------------------------------

    def _run(self) -> None:
        store = self._store
        with contextlib.suppress(StoreUnavailable):
            store.expect_losses()
        waiting = WaitReasons(self._journal)
        self._dispatcher = Dispatcher(store, self._settings, self._leases, waiting)
        while not self._stopping.is_set():
            self._wait(min(SUPERVISOR_ROUND_S, self._round(store)))
        self._end_workers(store)
        store.close()
        self._leases.close()

    def _round(self, store: Store) -> float:
        """Do what there is to do; returns after how many seconds to look again."""
        pause = SUPERVISOR_ROUND_S  # also when the store is locked or full: the next look does it
        try:
            if self._keepalive is not None:
                self._keepalive()
            self._end_silent_workers(time.monotonic())
            self._replace_workers(time.monotonic())
            self._stop_requests.deliver(store)  # reads only: also while nothing can be written
            pause = self._dispatcher.dispatch(self._workers)
            self._keep_leases(store)
        except StoreUnavailable:
            self._name_culprit()
        except Exception:  # noqa: BLE001 - a supervisor that dies leaves everything unsupervised
            traceback.print_exc()
        self._stop_requests.escalate(time.monotonic())
        return pause

    def _name_culprit(self) -> None:
        """Say once who keeps everybody from writing, where that will not pass by itself."""
        owner = self._store.lock_owner()
        if owner is not None and owner.stopped and owner.pid != self._culprit:
            self._culprit = owner.pid
            LOG.warning("the database is locked by %s", owner.text)

    def _wait(self, timeout_s: float) -> None:
        """Wait until workers say something, or have room for what they are told; handle it."""
        for worker in self._workers:
            key = self._selector.get_map().get(worker.channel.fileno())
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.unsent else 0)
            if key is not None and key.events != wanted:
                self._selector.modify(key.fileobj, wanted, worker)
        for key, events in self._selector.select(timeout_s):
            if key.data is None or key.data in self._workers:  # not one that has just died
                self._handle(key, events)

    def _handle(self, key: selectors.SelectorKey, events: int) -> None:
        worker: WorkerProcess | None = key.data
        if worker is None:
            self._wakeup.clear()
            return
        if key.fd == worker.pidfd:
            self._died(worker)
            return
        if events & selectors.EVENT_WRITE:
            with contextlib.suppress(OSError):
                worker.channel.flush()
        if events & selectors.EVENT_READ:
            messages = worker.channel.receive()
            if messages is None:
                self._selector.unregister(worker.channel.fileno())
                return
            for message in messages:
                self._take(worker, message)

    def _take(self, worker: WorkerProcess, message: object) -> None:
        worker.last_beat = now = time.monotonic()
        if isinstance(message, Done):
            for job_id in worker.ended(message.attempts, now):
                self._stop_requests.forget(job_id)
        elif isinstance(message, Returned):
            worker.recalled = False
            for job_id in message.job_ids:
                job = worker.sync.pop(job_id, None)
                if job is not None:
                    self._dispatcher.backlog.append(job)
                self._stop_requests.forget(job_id)  # whoever has it next is asked anew
        elif isinstance(message, Ready):
            worker.introduced = message
            self._leases.announce([*message.sync, *message.asynchronous])
            self._failed_starts = 0
            worker.send(Leased(self._leases.lease_s))
        else:
            assert isinstance(message, Beat)
            worker.oom_kills = oom_kills()  # what was killed before is not this worker

    # -- leases ----------------------------------------------------------------------------------

    def _end_silent_workers(self, now: float) -> None:
        """Needs no store: the silent one may be what keeps everybody from writing to it."""
        for worker in self._workers:
            if worker.jobs and now - worker.last_beat > self._leases.lease_s:
                worker.kill_reason = "lease_expired"
                worker.kill(signal.SIGKILL)

    def _keep_leases(self, store: Store) -> None:
        now = time.monotonic()
        live = [w for w in self._workers if now - w.last_beat <= self._leases.lease_s]
        held = [job for w in live for job in w.jobs.values()] + self._dispatcher.backlog
        lost = self._leases.renew(store, held)
        if lost is not None:
            for job_id in lost:
                self._stop_requests.request(job_id, "lease_lost", now)
            for worker in live:
                worker.send(Leased(self._leases.lease_s))
        ours = {job.id for w in self._workers for job in w.jobs.values()}
        ours.update(job.id for job in self._dispatcher.backlog)
        self._leases.rescue(store, ours)

    # -- workers ---------------------------------------------------------------------------------

    def _replace_workers(self, now: float) -> None:
        """
        As many workers as wanted, beside those that are about to end.

        One that cannot even start is not tried in a tight loop, and there are never more than
        twice as many.
        """
        while (
            sum(not worker.closing for worker in self._workers) < self._wanted
            and len(self._workers) < 2 * self._wanted
            and now >= self._spawn_at
        ):
            self._spawn()

    def _spawn(self) -> None:
        self._number += 1
        worker = spawn(self._settings, f"worker-{self._number}", self._leases.descriptor)
        self._selector.register(worker.channel.fileno(), selectors.EVENT_READ, worker)
        self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)
        self._workers.append(worker)

    def _died(self, worker: WorkerProcess) -> None:
        """A worker ended: its jobs are rescued, and another worker takes its place."""
        with contextlib.suppress(KeyError, ValueError):
            # What it had sent before it died counts. There may be no end of it: what a handler has
            # forked holds the socket, too, and may live on.
            while self._selector.get_key(worker.channel.fileno()):
                messages = worker.channel.receive(wait=False)
                if messages is None:
                    break
                for message in messages:
                    self._take(worker, message)
        code = worker.process.wait()
        self._selector.unregister(worker.pidfd)
        os.close(worker.pidfd)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.channel.fileno())
        worker.channel.close()
        self._workers.remove(worker)
        self._judge_all(worker, death_reason(worker, code))
        if worker.introduced is None and code != -signal.SIGKILL:
            self._failed_starts += 1
            pause_s = min(MAX_SPAWN_PAUSE_S, 0.25 * 2 ** min(self._failed_starts, 10))
            self._spawn_at = time.monotonic() + pause_s

    def _judge_all(self, worker: WorkerProcess, reason: str) -> None:
        # One that was killed because of one of its jobs: the others have done nothing wrong.
        others = "neighbour_stopped" if worker.doomed else reason
        for number, job in enumerate(worker.jobs.values()):
            why = worker.doomed.get(job.id, others)
            self._stop_requests.forget(job.id)
            rescue(job, why, self._journal, worker.introduced, next_in_line=number == 0)

    def _end_workers(self, store: Store) -> None:
        for job in self._dispatcher.backlog:
            give_back(job, self._journal, "the server stops")
        self._dispatcher.backlog.clear()
        deadline = time.monotonic() + self._grace_s
        for worker in self._workers:
            worker.closing = True
            worker.send(Shutdown())
        asked = False
        while self._workers:
            now = time.monotonic()
            if now > deadline and not asked:
                asked, deadline = True, now + TERM_GRACE_S
                for worker in self._workers:
                    for job_id in worker.jobs:
                        worker.send(Stop(job_id, "shutdown"))
            elif now > deadline:
                for worker in self._workers:
                    worker.kill_reason = "server_shutdown"
                    worker.kill(signal.SIGKILL)
            self._end_silent_workers(time.monotonic())
            with contextlib.suppress(StoreUnavailable):
                if self._keepalive is not None:
                    self._keepalive()
                self._keep_leases(store)
            self._wait(0.1)
