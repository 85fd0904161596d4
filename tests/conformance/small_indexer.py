"""What workers report, put into a store without journals: numbered, counted, a round at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qntx.clock import now_us
from qntx.indexer.state import RunState
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.storage.interfaces import Store
from qntx.storage.sqlite import attempt_writes
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.index_writer import IndexWriter
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.sequencing import insert
from tests.support.log_rows import Said


class SmallIndexer:
    """The one indexer of a store."""

    def __init__(self, store: Store) -> None:
        self._db = open_database(store.path)  # type: ignore[attr-defined]

    def begin(self, attempt: Claimed, **fields: Any) -> None:
        """A worker begins with an attempt."""
        with transaction(self._db):
            run = self._run(attempt)
            attempt_writes.begin(self._db, run, {"pid": 1, **fields}, now_us())
            attempt_writes.write_beginnings(self._db, [run])

    def end(self, job: Claimed, status: str, **fields: Any) -> None:
        """An attempt is over."""
        with transaction(self._db):
            run = self._run(job)
            attempt_writes.end(self._db, run, {"status": status, **fields}, now_us())

    def progress(self, job: Claimed, **fields: Any) -> None:
        with transaction(self._db):
            attempt_writes.progress(self._db, self._run(job), fields, now_us())

    def checkpoint(self, job: Claimed, state: Any) -> None:
        with transaction(self._db):
            attempt_writes.checkpoint(self._db, self._run(job), {"state": state})

    def spawn(self, job: Claimed, job_id: str, **request: Any) -> None:
        """The attempt puts a child on the queue."""
        with transaction(self._db):
            fields = {"id": job_id, "request": {"source": "test", **request}}
            attempt_writes.spawn(self._db, self._run(job), fields, now_us())

    def lines(self, job_id: str, said: Sequence[Said], attempt: int = 1) -> None:
        """A round of lines, all of one attempt."""
        with transaction(self._db):
            index_writer = IndexWriter(self._db)
            run = index_writer.run(job_id, attempt)
            pending = [
                (
                    n,
                    index_writer.context(run, line.stage, line.task),
                    index_writer.origin(line.source, line.logger),
                    line.at_us,
                    line.level,
                    line.flags,
                    line.message,
                    line.metadata,
                )
                for n, line in enumerate(said)
            ]
            index_writer.count(insert(index_writer, pending, several=False), [run])

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
        self._db.close()

    def _run(self, job: Claimed) -> RunState:
        return IndexWriter(self._db).run(job.id, job.attempt)
