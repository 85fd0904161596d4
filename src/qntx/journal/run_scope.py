"""What every line carries: the run, the scope (stage and task) and the origin."""

from __future__ import annotations

from itertools import count
from typing import Any

from qntx.journal.interrupts import reraise_from_signal

_run_numbers = count(1)
_scope_numbers = count(1)
_origin_numbers = count(1)


def _name(value: object) -> str:
    """A name as text that can be stored, whatever was given as one."""
    try:
        text = value if type(value) is str else str(value)
    except Exception as error:  # noqa: BLE001 - __str__ of user code
        reraise_from_signal(error)
        text = f"<{type(value).__name__}>"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


class Run:
    """One attempt of a job, as the process that executes it sees it."""

    __slots__ = ("__weakref__", "accepted", "attempt", "epoch", "job_id", "number")

    def __init__(self, job_id: str, attempt: int) -> None:
        self.number = next(_run_numbers)
        self.job_id = job_id
        self.attempt = attempt
        #: Lines of this attempt that this process has accepted.
        self.accepted = 0
        #: The journal segment that holds the definition; set by the journal.
        self.epoch: object = None

    def definition(self, waiting: int) -> dict[str, Any]:
        """
        The record that defines for the indexer what the number stands for.

        *waiting*: lines that are accepted, but in no segment yet.
        """
        return {
            "id": self.number,
            "job_id": self.job_id,
            "attempt": self.attempt,
            "accepted": self.accepted - waiting,
        }


class Scope:
    """A place in a run: the stage and task that a line belongs to; None where there is none."""

    __slots__ = ("epoch", "number", "parent", "run", "stage", "task_id")

    def __init__(
        self,
        run: Run,
        stage: str | None = None,
        task_id: str | None = None,
        parent: Scope | None = None,
    ) -> None:
        self.number = next(_scope_numbers)
        self.run = run
        self.stage = stage if stage is None else _name(stage)
        self.task_id = task_id if task_id is None else _name(task_id)
        self.parent = parent
        self.epoch: object = None

    def definition(self) -> dict[str, Any]:
        """The record that defines for the indexer what the number stands for."""
        return {
            "id": self.number,
            "run": self.run.number,
            "stage": self.stage,
            "task": self.task_id,
        }


class Origin:
    """Where a line comes from: the kind of source, and the logger's name where there is one."""

    __slots__ = ("epoch", "logger", "number", "source")

    def __init__(self, source: str, logger: str | None) -> None:
        self.number = next(_origin_numbers)
        self.source = source
        self.logger = logger if logger is None else _name(logger)
        self.epoch: object = None

    def definition(self) -> dict[str, Any]:
        """The record that defines for the indexer what the number stands for."""
        return {"id": self.number, "source": self.source, "logger": self.logger}
