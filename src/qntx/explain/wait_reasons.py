"""Why jobs wait, said as it happens: in the job's row, in its log, and in its schedule's log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qntx.clock import iso, now_us
from qntx.journal.writer import Journal
from qntx.model.log import INFO, WARN
from qntx.recording.lines import append_line_to
from qntx.storage.interfaces import Held, Store

#: How often to look for jobs that wait, and after how long a job of a schedule is one, seconds.
WAIT_REASONS_POLL_S = 1.0
#: So many waits are logged at a look, the first in line; and so many are kept in mind.
MOST_LOGGED = 200
_MOST_KEPT = 10_000
_KINDS = {"rate_limited": "rate", "budget_exceeded": "budget", "no_handler": "handler"}


class WaitReasons:
    """Logs why jobs wait (once for each reason); the lines are the scheduler's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._logged: dict[tuple[str, str], None] = {}
        self._look_at = 0.0

    def hold(self, store: Store, handlers: Iterable[str], state: dict[str, Any] | None) -> None:
        """Queued jobs of *handlers* wait for the reason *state* (None: they wait no more)."""
        held = store.waits.hold(handlers, state)
        if state is not None:
            why = str(state["message"]).removeprefix("waits: ")
            self._log_held(held, _KINDS.get(state["pause_reason"], "limit"), why)

    def look(
        self, store: Store, known: Callable[[], set[str]], workers: int, *, busy: bool
    ) -> None:
        """
        When it is time: log of jobs without a handler, and jobs of schedules without a worker.

        *known* gives the handlers of all workers, *busy*: none of our *workers* is free.
        """
        now = time.monotonic()
        if now < self._look_at or not workers:
            return
        self._look_at = now + WAIT_REASONS_POLL_S
        for name in set(store.waits.active_handlers()) - known():
            message = (
                f"waits: no worker has the handler {name!r} - it runs as soon as a server "
                "or worker starts that registers it"
            )
            self.hold(store, [name], {"pause_reason": "no_handler", "message": message})
        if busy:
            since = iso(now_us() - int(WAIT_REASONS_POLL_S * 1e6))
            why = "all workers are busy with other jobs"
            state = {"pause_reason": "concurrency", "message": f"waits: {why}"}
            held = store.waits.hold_waiting(since, MOST_LOGGED, state)
            self._log_held(held, "concurrency", why)

    def _log_held(self, held: Sequence[Held], kind: str, why: str) -> None:
        level = WARN if kind == "handler" else INFO
        for job in held[:MOST_LOGGED]:
            key = (job.job_id, kind)
            if key in self._logged:
                continue
            self._logged[key] = None
            if len(self._logged) > _MOST_KEPT:
                del self._logged[next(iter(self._logged))]
            self._log(job.job_id, job.attempt + 1, level, f"waiting ({kind}): {why}")
            if job.schedule_id is not None:
                text = f"waiting ({kind}): job {job.job_id}: {why}"
                self._log(job.schedule_id, 1, level, text)

    def _log(self, log: str, attempt: int, level: int, text: str) -> None:
        append_line_to(self._journal, log, level, "scheduler", text, attempt=attempt)
