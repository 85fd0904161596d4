"""Attempts, contexts and origins that rounds have met, each with its key in the store."""

from __future__ import annotations

from qntx.storage.interfaces.log_rows import ContextState, Place, RunState
from qntx.storage.interfaces.log_writer import LogWriter


class Keys:
    """
    Asks the store for each once.

    After a round that failed it is thrown away, with all that was counted in it.
    """

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self._runs: dict[tuple[str, int], RunState] = {}
        self._origins: dict[tuple[str, str | None], int] = {}

    def run(self, job_id: str, attempt: int) -> RunState:
        """The state of an attempt."""
        found = self._runs.get((job_id, attempt))
        if found is None:
            found = self._runs[job_id, attempt] = self._writer.run(job_id, attempt)
        return found

    def context(self, run: RunState, stage: str | None, task_id: str | None) -> ContextState:
        """The state of a stage or task of *run*; the store has it when something is said in it."""
        found = run.contexts.get((stage, task_id))
        if found is None:
            found = run.contexts[stage, task_id] = ContextState(run, 0, stage, task_id)
            if not run.fresh:
                self._writer.find(found)
        return found

    def at(self, place: Place) -> ContextState:
        """The state of the context with that name."""
        run = self.run(place.job_id, place.attempt)
        return self.context(run, place.stage, place.task_id)

    def origin(self, source: str, logger: str | None) -> int:
        """The key of an origin."""
        found = self._origins.get((source, logger))
        if found is None:
            found = self._origins[source, logger] = self._writer.origin(source, logger)
        return found

    def forget(self, run: RunState) -> None:
        """Drop what is remembered of a run that is over, so that memory does not grow."""
        self._runs.pop((run.job_id, run.attempt), None)
