"""Why jobs wait, what was spent, who is at work: what the runtime asks before it starts jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol


class Place(NamedTuple):
    """A queued job's place: how many ready jobs are before it, and how many run now."""

    ahead: int
    running: int


class Runner(NamedTuple):
    """Who runs an attempt: the worker, its process, and until when it has the lease."""

    worker: str | None
    pid: int | None
    started_at: str
    lease_until: str | None


class Held(NamedTuple):
    """A job that waits: its last attempt, and the schedule that it comes from, if any."""

    job_id: str
    attempt: int
    schedule_id: str | None


class JobWaits(Protocol):
    """What the queue knows of why a job waits: how many come before it, and who runs it."""

    def hold(self, handlers: Iterable[str], state: dict[str, Any] | None) -> list[Held]:
        """
        State the reason why queued jobs of *handlers* wait (None: they wait no more).

        Returns those for which that is new.
        """

    def hold_waiting(self, since: str, limit: int, state: dict[str, Any]) -> list[Held]:
        """
        State the reason why jobs of schedules wait that have been ready to run since *since*.

        Returns those that had none: each is told by one process only, however many look.
        """

    def active_handlers(self) -> list[str]:
        """The handlers of jobs that are not over, each once."""

    def place(self, job_id: str) -> Place:
        """The place of a queued job among those that are ready to run."""

    def runner(self, job_id: str, attempt: int) -> Runner | None:
        """Who runs (or ran) an attempt of a job."""


class ModelUsage(Protocol):
    """What calls of metered services were made, and what they cost."""

    def calls_since(self, start_us: int) -> int:
        """How many successful calls were made since *start_us* (UTC microseconds)."""

    def cost_since(self, start_us: int) -> float:
        """What they cost, in USD."""


class Registration(Protocol):
    """The presence of one supervisor; it lasts until the last process that holds it ends."""

    name: str
    #: The descriptor that its workers inherit: while one lives, the supervisor counts as alive.
    descriptor: int

    def announce(self, handlers: Sequence[str]) -> None:
        """Tell the other processes which handlers our workers have."""

    def close(self) -> None:
        """This supervisor is at its end, and so are its workers."""


class Supervisors(Protocol):
    """The supervisors at work on one store."""

    def register(self) -> Registration:
        """This process is one of them from now on."""

    def is_gone(self, name: str) -> bool:
        """Whether the supervisor *name*, and every worker of it, has ended."""

    def live_handlers(self) -> set[str] | None:
        """The handlers that workers have; None: no worker is at work."""
