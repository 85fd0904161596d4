"""Which worker gets which jobs: claims in batches, hands over as much as keeps workers busy."""

from __future__ import annotations

import time

from qntx.clock import now_us
from qntx.config import Settings
from qntx.explain.wait_reasons import WaitReasons
from qntx.model.job import Claimed
from qntx.runtime.leases import Leases
from qntx.runtime.rate_limits import RateLimits
from qntx.runtime.wire import Assign, Recall, Shutdown
from qntx.runtime.worker_process import WorkerProcess
from qntx.storage.interfaces import Store

#: Async handlers that one worker runs at once.
ASYNC_JOBS = 100
#: How often to look how large a worker has become, seconds.
LOOK_AT_MEMORY_S = 0.05
#: Jobs that wait behind one that takes longer than this are asked back.
RECALL_S = 0.05
LONGEST_PAUSE_S = 10.0


class Dispatcher:
    """Takes due jobs from the queue and gives them to workers."""

    def __init__(
        self, store: Store, settings: Settings, leases: Leases, waiting: WaitReasons
    ) -> None:
        self._store = store
        self._leases = leases
        self._name = leases.name
        self._lease_s = leases.lease_s
        self._waiting = waiting
        self._max_jobs = settings.server.worker_max_jobs
        self._max_bytes = settings.server.worker_max_mib << 20
        self._rate_limits = RateLimits(store, settings, waiting)
        #: Jobs that a worker gave back because it had not begun with them; leased to us still.
        self.backlog: list[Claimed] = []

    def dispatch(self, workers: list[WorkerProcess]) -> float:
        """Give every worker what it can take; returns after how many seconds to look again."""
        began_us = now_us()
        ready = [w for w in workers if w.introduced is not None and not w.closing]
        for worker in ready:
            if self._is_due_for_replacement(worker):
                retire(worker)
        ready = [w for w in ready if not w.closing]
        if not ready:
            return LONGEST_PAUSE_S
        sync = _known_to_all(ready, "sync")
        asynchronous = _known_to_all(ready, "asynchronous")
        metered = _known_to_all(ready, "metered") if self._rate_limits.limited else []
        if metered:
            in_flight = _number_of(metered, ready)
            room = self._rate_limits.room(metered, in_flight)
            self._hand_out_async(ready, [n for n in asynchronous if n in metered], room)
            room -= _number_of(metered, ready) - in_flight
            self._hand_out_sync(ready, [n for n in sync if n in metered], room)
            self._rate_limits.in_flight = _number_of(metered, ready)
        self._hand_out_sync(ready, [n for n in sync if n not in metered])
        self._hand_out_async(ready, [n for n in asynchronous if n not in metered])
        if self.backlog:  # nobody here is free: they wait where all see them, by their priority
            self._store.queue.put_back(self.backlog)
            self.backlog.clear()
        self._recall(ready)
        self._waiting.look(
            self._store, self._leases.live_handlers, len(workers), busy=all(w.sync for w in ready)
        )
        return self._pause(ready, began_us)

    def _hand_out_sync(
        self, ready: list[WorkerProcess], handlers: list[str], most: int | None = None
    ) -> None:
        # Refilled when half empty, so that a worker never waits for the next claim.
        room = {w.name: w.depth - len(w.sync) for w in ready if len(w.sync) <= w.depth // 2}
        if most is not None:
            # What is rationed goes to idle workers, one each, so that limits are looked at again.
            room = dict.fromkeys([w.name for w in ready if not w.sync][: max(most, 0)], 1)
        wanted = sum(room.values())
        fresh: list[Claimed] = []
        more = wanted - len(self.backlog)
        if more > 0 and handlers and self._store.queue.has_due(handlers):
            fresh = self._store.queue.claim(more, self._name, handlers, self._lease_s)
        claimed, self.backlog = [*self.backlog[:wanted], *fresh], self.backlog[wanted:]
        # Dealt out one by one, so that few jobs spread over all workers.
        hands: dict[str, list[Claimed]] = {name: [] for name in room}
        while claimed:
            for worker in ready:
                if claimed and len(hands.get(worker.name, ())) < room.get(worker.name, 0):
                    hands[worker.name].append(claimed.pop(0))
        for worker in ready:
            jobs = hands.get(worker.name)
            if jobs:
                if not worker.sync:
                    worker.since = time.monotonic()
                worker.sync.update((job.id, job) for job in jobs)
                worker.send(Assign(jobs))

    def _hand_out_async(
        self, ready: list[WorkerProcess], handlers: list[str], most: int | None = None
    ) -> None:
        room = sum(ASYNC_JOBS - len(w.asynchronous) for w in ready)
        if most is not None:
            room = min(room, most)
        if room <= 0 or not handlers or not self._store.queue.has_due(handlers):
            return
        for job in self._store.queue.claim(room, self._name, handlers, self._lease_s):
            worker = min(ready, key=lambda w: len(w.asynchronous))
            worker.asynchronous[job.id] = job
            worker.began[job.id] = time.monotonic()
            worker.send(Assign([job]))

    def _recall(self, ready: list[WorkerProcess]) -> None:
        """Jobs that wait behind a long one go to a worker that is free, or back to the queue."""
        now = time.monotonic()
        for worker in ready:
            if len(worker.sync) > 1 and not worker.recalled and now - worker.since > RECALL_S:
                worker.recalled = True
                worker.depth = 1
                worker.send(Recall())

    def _pause(self, ready: list[WorkerProcess], began_us: int) -> float:
        if any(len(w.sync) > 1 for w in ready) or self._rate_limits.closed:
            return RECALL_S
        # What was due before and is here still waits for a worker, or a handler, not for its time.
        due = self._store.queue.next_due_us(began_us)
        return LONGEST_PAUSE_S if due is None else max(0.001, (due - now_us()) / 1e6)

    def _is_due_for_replacement(self, worker: WorkerProcess) -> bool:
        if worker.executed >= self._max_jobs:
            return True
        now = time.monotonic()
        if worker.executed == worker.weighed or now - worker.weighed_at < LOOK_AT_MEMORY_S:
            return False
        worker.weighed, worker.weighed_at = worker.executed, now
        return worker.memory_bytes() > self._max_bytes


def retire(worker: WorkerProcess) -> None:
    """It ends when it is done with what it has begun; another one takes its place at once."""
    worker.closing = True
    if len(worker.sync) > 1:
        worker.send(Recall())
    worker.send(Shutdown())


def _known_to_all(ready: list[WorkerProcess], kind: str) -> list[str]:
    """Handlers that every worker has: while a new version replaces an old one, others wait."""
    lists = [getattr(worker.introduced, kind) for worker in ready]
    return [name for name in lists[0] if all(name in other for other in lists[1:])]


def _number_of(handlers: list[str], ready: list[WorkerProcess]) -> int:
    """How many jobs of *handlers* the workers hold."""
    return sum(job.handler_name in handlers for w in ready for job in w.jobs.values())
