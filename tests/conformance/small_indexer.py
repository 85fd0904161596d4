"""What workers report, put into a store without journals: numbered, counted, a round at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qntx.clock import now_us
from qntx.indexer.keys import Keys
from qntx.indexer.sequencing import store_lines, tally
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.storage.interfaces import Store
from qntx.storage.interfaces.log_rows import RunState
from qntx.storage.interfaces.log_writer import LogWriter
from tests.support.log_rows import Said


class SmallIndexer:
    """The one indexer of a store; each call is a round of its own, unless one has begun."""

    def __init__(self, store: Store) -> None:
        self.writer: LogWriter = store.log_writer()
        self.keys = Keys(self.writer)
        self._in_round = False

    @contextmanager
    def round(self) -> Iterator[None]:
        """What is reported inside is stored together."""
        if self._in_round:
            yield
            return
        self._in_round = True
        try:
            with self.writer.round():
                yield
        except BaseException:
            self.keys = Keys(self.writer)
            raise
        finally:
            self._in_round = False

    def run(self, job: Claimed) -> RunState:
        """The attempt as the store has it."""
        return self.keys.run(job.id, job.attempt)

    # -- events ----------------------------------------------------------------------------------

    def begin(self, attempt: Claimed, **fields: Any) -> None:
        """A worker begins with an attempt."""
        self._event(self.writer.begin, attempt, {"pid": 1, **fields}, now_us())

    def end(self, job: Claimed, status: str, **fields: Any) -> None:
        """An attempt is over."""
        self._event(self.writer.end, job, {"status": status, **fields}, now_us())

    def progress(self, job: Claimed, **fields: Any) -> None:
        """The job is so far."""
        self._event(self.writer.progress, job, fields, now_us())

    def checkpoint(self, job: Claimed, state: Any) -> None:
        """What the next attempt resumes from."""
        self._event(self.writer.checkpoint, job, {"state": state})

    def spawn(self, job: Claimed, job_id: str, **request: Any) -> None:
        """The attempt puts a child on the queue."""
        fields = {"id": job_id, "request": {"source": "test", **request}}
        self._event(self.writer.spawn, job, fields, now_us())

    def span(
        self,
        job: Claimed,
        stage: str,
        task: str | None,
        status: str,
        at_us: int = 1_000_000,
        **fields: Any,
    ) -> None:
        """A stage or task is known, begins or ends."""
        with self.round():
            context = self.keys.context(self.run(job), stage, task)
            self.writer.place([context])
            self.writer.span(context.context_key, {"status": status, **fields}, at_us)

    def _event(self, write: Callable[..., None], job: Claimed, *values: Any) -> None:
        with self.round():
            write(self.run(job), *values)

    # -- lines -----------------------------------------------------------------------------------

    def lines(self, job_id: str, said: Sequence[Said], attempt: int = 1) -> None:
        """Lines of one attempt."""
        with self.round():
            run = self.keys.run(job_id, attempt)
            pending = [
                (
                    n,
                    self.keys.context(run, line.stage, line.task),
                    self.keys.origin(line.source, line.logger),
                    line.at_us,
                    line.level,
                    line.flags,
                    line.message,
                    line.metadata,
                )
                for n, line in enumerate(said)
            ]
            touched = store_lines(self.writer, pending, several=False)
            self.writer.add_counts(*tally(touched, [run]))

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
        with self.round():
            run = self.foreground(job_id, attempt=attempt, **row)
            self.lines(run.id, said, attempt)
            self.end(run, "completed")
        return run.id

    def close(self) -> None:
        """Let go of the store."""
        self.writer.close()
