"""What workers report, put into a store without journals: numbered, counted, a round at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qntx.clock import now_us
from qntx.indexer.keys import Keys
from qntx.indexer.sequencing import store_lines, tally
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.storage.interfaces import Store
from qntx.storage.interfaces.log_rows import RunState
from tests.support.log_rows import Said


class SmallIndexer:
    """The one indexer of a store."""

    def __init__(self, store: Store) -> None:
        self._writer = store.log_writer()

    def begin(self, attempt: Claimed, **fields: Any) -> None:
        """A worker begins with an attempt."""
        with self._writer.round():
            self._writer.begin(self._run(attempt), {"pid": 1, **fields}, now_us())

    def end(self, job: Claimed, status: str, **fields: Any) -> None:
        """An attempt is over."""
        with self._writer.round():
            self._writer.end(self._run(job), {"status": status, **fields}, now_us())

    def progress(self, job: Claimed, **fields: Any) -> None:
        with self._writer.round():
            self._writer.progress(self._run(job), fields, now_us())

    def checkpoint(self, job: Claimed, state: Any) -> None:
        with self._writer.round():
            self._writer.checkpoint(self._run(job), {"state": state})

    def spawn(self, job: Claimed, job_id: str, **request: Any) -> None:
        """The attempt puts a child on the queue."""
        with self._writer.round():
            fields = {"id": job_id, "request": {"source": "test", **request}}
            self._writer.spawn(self._run(job), fields, now_us())

    def lines(self, job_id: str, said: Sequence[Said], attempt: int = 1) -> None:
        """A round of lines, all of one attempt."""
        keys = Keys(self._writer)
        with self._writer.round():
            run = keys.run(job_id, attempt)
            pending = [
                (
                    n,
                    keys.context(run, line.stage, line.task),
                    keys.origin(line.source, line.logger),
                    line.at_us,
                    line.level,
                    line.flags,
                    line.message,
                    line.metadata,
                )
                for n, line in enumerate(said)
            ]
            contexts = store_lines(self._writer, pending, several=False)
            self._writer.add_counts(*tally(contexts, [run]))

    def foreground(self, job_id: str = "", *, attempt: int = 1, **row: Any) -> Claimed:
        """A run that brings its job along begins."""
        found = {
            "id": job_id or new_id("JB"),
            "source": "test",
            "handler_name": "test",
            "payload": "null",
            "max_attempts": 1,
            "parent_job_id": None,
            "execution_id": None,
            **row,
        }
        fields = {name: found[name] for name in ("id", "handler_name", "source")}
        begun = Claimed(payload=None, attempt=attempt, **fields)
        self.begin(begun, job=found)
        return begun

    def log(self, said: Sequence[Said], job_id: str = "", *, attempt: int = 1, **row: Any) -> str:
        """A run in the foreground says this and completes; returns the id of its job."""
        run = self.foreground(job_id, attempt=attempt, **row)
        if said:
            self.lines(run.id, said, attempt)
        self.end(run, "completed")
        return run.id

    def close(self) -> None:
        """Let go of the store."""
        self._writer.close()

    def _run(self, job: Claimed) -> RunState:
        return self._writer.run(job.id, job.attempt)
