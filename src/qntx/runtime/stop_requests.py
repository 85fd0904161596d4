"""Requests that a running job stop: delivered to it, then escalated with signals."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

from qntx.runtime.wire import Stop
from qntx.runtime.worker_process import WorkerProcess
from qntx.storage.interfaces import Store

#: From the request to stop to SIGTERM, and from there to SIGKILL.
STOP_GRACE_S = 5.0
TERM_GRACE_S = 3.0
#: As what an attempt ends whose worker had to be killed for it.
_ENDS = {"cancel": "cancelled", "pause": "paused"}


class StopRequests:
    """Requests to stop under way to jobs of *workers* (a list that its owner keeps)."""

    def __init__(self, workers: Sequence[WorkerProcess], stop_grace_s: float) -> None:
        self._workers = workers
        self._stop_grace_s = stop_grace_s
        #: Jobs that were asked to stop: (job id) → (request, when to go on, next signal).
        self._stops: dict[str, tuple[str, float, int]] = {}

    def deliver(self, store: Store) -> None:
        """Cancel and pause reach running jobs; so do their timeouts."""
        now = time.monotonic()
        for job_id, request in store.queue.stop_requests():
            self.request(job_id, request, now)
        for worker in self._workers:
            timeouts = worker.introduced.timeouts if worker.introduced else {}
            for job, since in worker.at_work() if timeouts else ():
                limit = timeouts.get(job.handler_name)
                if limit is not None and now - since > limit:
                    self.request(job.id, "timeout", now)

    def request(self, job_id: str, request: str, now: float) -> None:
        """Ask the job to stop, once, if one of the workers holds it."""
        worker = self._holder(job_id)
        if worker is not None and job_id not in self._stops:
            worker.send(Stop(job_id, request))
            grace = 0.5 if request == "timeout" else self._stop_grace_s
            self._stops[job_id] = (request, now + grace, signal.SIGTERM)

    def escalate(self, now: float) -> None:
        """A job that does not stop when asked: SIGTERM to its worker, then SIGKILL."""
        for job_id, (request, at, number) in list(self._stops.items()):
            worker = self._holder(job_id)
            if worker is None:
                del self._stops[job_id]
            elif now >= at and worker.waits(job_id):
                self._stops[job_id] = (request, now + self._stop_grace_s, number)
            elif now >= at:
                if number == signal.SIGKILL:
                    worker.doomed[job_id] = _ENDS.get(request, request)
                if number == signal.SIGKILL or job_id in worker.sync:
                    worker.kill(number)
                self._stops[job_id] = (request, now + TERM_GRACE_S, signal.SIGKILL)

    def forget(self, job_id: str) -> None:
        """The job is over."""
        self._stops.pop(job_id, None)

    def _holder(self, job_id: str) -> WorkerProcess | None:
        return next((w for w in self._workers if job_id in w.jobs), None)
