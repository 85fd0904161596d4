"""A queue without workers: claims, and what attempts tell through real journals, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qntx.config import Settings
from qntx.indexer.drain import Drain
from qntx.journal.run_scope import Run
from qntx.journal.writer import Journal
from qntx.model.job import Claimed, JobRequest
from qntx.model.views import LogFilter
from qntx.recording.context import ActiveRun
from qntx.recording.lines import record_event
from qntx.runtime.execute import begin_attempt, end_attempt
from qntx.runtime.outcome import Outcome
from qntx.runtime.rescue import rescue
from qntx.storage import open_store
from qntx.storage.interfaces import Store

HANDLERS = ["a", "b"]


class Attempt:
    """One attempt as its worker knows it."""

    def __init__(self, bench: Bench, job: Claimed, journal: Journal | None = None) -> None:
        self._bench = bench
        self.job = job
        self.key = (job.id, job.attempt)
        self.active = ActiveRun(Run(job.id, job.attempt), journal or bench.journal)

    def begin(self) -> None:
        """The worker begins."""
        begin_attempt(self.active, self.job, None)

    def end(self, status: str, **more: Any) -> None:
        """The worker says how it ended."""
        end_attempt(self.active, Outcome(status, **more))

    def event(self, kind: str, **fields: Any) -> None:
        """Anything else that the worker says."""
        record_event(self.active, self.active.root, kind, fields)


class Bench:
    """A data directory, its queue, a worker's journal, a judge's journal, and an indexer."""

    def __init__(self, home: Path, store: Store | None = None) -> None:
        self.home = home
        self.store: Any = store or open_store(Settings(home=home))
        self.queue = self.store.queue
        self.judge_journal = Journal(home / "journal")
        self.journal = Journal(home / "journal")
        self._writer = self.store.log_writer()
        self._drain = Drain(home / "journal", self._writer)

    def enqueue(self, handler: str = "a", **options: Any) -> str:
        """Put one job on the queue."""
        options = {"source": "test", **options}
        return self.queue.enqueue([JobRequest(handler_name=handler, **options)])[0]

    def claim(self, limit: int = 1, worker: str = "w") -> list[Attempt]:
        """Claim jobs of any handler."""
        return [Attempt(self, job) for job in self.queue.claim(limit, worker, HANDLERS, 30)]

    def rescue(self, attempt: Attempt, reason: str, **options: Any) -> None:
        """A supervisor ends an attempt whose worker is gone."""
        rescue(attempt.job, reason, self.judge_journal, **options)

    def store_all(self) -> None:
        """Have the indexer store all that was said."""
        while self._drain.round():
            pass

    def status(self, job_id: str) -> str:
        """The status of a job."""
        return str(self.store.jobs.get(job_id).status)

    def lines(self, job_id: str) -> list[str]:
        """The lines of a job."""
        return [line.message for line, _ in self.store.logs.lines(job_id, LogFilter())]

    def close(self) -> None:
        """Let go of everything."""
        for journal in (self.journal, self.judge_journal):
            journal.close()
        self._drain.close()
        self._writer.close()
        self.store.close()
