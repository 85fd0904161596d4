"""Jobs: as they are shown, and as they move through the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qntx.model.job import Claimed, JobRequest
    from qntx.model.views import AttemptView, Job, JobPage, JobTree


class Jobs(Protocol):  # budget: one method per question
    """The jobs of one database."""

    def get(self, job_id: str) -> Job:
        """The job *job_id*; raises NotFound."""

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        statuses: Iterable[str] = (),
        handler: str | None = None,
        parent_job_id: str | None = None,
    ) -> JobPage:
        """Jobs, newest first; *cursor* is the ``next_cursor`` of the page before."""

    def tree(self, job_id: str) -> JobTree:
        """The job *job_id* and its descendants, the first 5,000; raises NotFound."""

    def children(self, job_id: str) -> list[Job]:
        """The children of a job, oldest first."""

    def child_counts(self, job_id: str) -> dict[str, int]:
        """How many children a job has of each status; only those that occur."""

    def attempts(self, job_id: str) -> list[AttemptView]:
        """The attempts of a job, first to last."""

    def status(self, job_id: str) -> str | None:
        """The status of a job, or None when there is no such job."""

    def counts(self) -> dict[str, int]:
        """How many jobs there are of each status."""


class Queue(Protocol):  # budget: one method per question
    """
    Moves of jobs; *changed* is called after each that may give a worker something to do.

    Each is a transaction of its own, and cannot be made inside one: :meth:`add` alone is.
    """

    def enqueue(self, requests: Sequence[JobRequest]) -> list[str]:
        """
        Put jobs on the queue, all or none; returns their ids in the order given.

        An idempotency key that was used before, and *unique* with a job that is still active,
        give the id of that job.
        """

    def add(self, request: JobRequest, job_id: str, now_us: int) -> str:
        """
        Put one job on the queue within the caller's transaction; returns its id, or its twin's.

        Nobody is notified: that is the caller's when the transaction is over.
        """

    def enqueue_child(self, request: JobRequest, parent: Claimed, job_id: str) -> str | None:
        """
        Put a child of *parent* on the queue as *job_id*; returns its id, or that of its twin.

        None: the attempt that *parent* stands for is over, and nothing was enqueued.
        """

    def claim(
        self, limit: int, worker: str, handlers: Iterable[str], lease_s: float
    ) -> list[Claimed]:
        """
        Take up to *limit* due jobs of *handlers*, each as a new attempt leased for *lease_s*.

        The highest priority comes first, within a priority the oldest.
        """

    def put_back(self, jobs: Iterable[Claimed]) -> None:
        """
        Jobs that were claimed and not begun with go back to their places, as if never claimed.

        One that was asked to stop has stopped. One whose lease has run out is left to its rescuer.
        """

    def has_due(self, handlers: Iterable[str]) -> bool:
        """Whether a claim would find something; reads only."""

    def next_due_us(self, after_us: int) -> int | None:
        """When the next delayed job after *after_us* is due (both UTC microseconds), or None."""

    def cancel(self, job_id: str, *, children: bool = True) -> str:
        """
        Cancel a job (and its active descendants); returns its status now.

        A running one is asked to stop, and is cancelled when it has. Raises NotFound, or
        IllegalTransition for a job that is over.
        """

    def pause(self, job_id: str) -> str:
        """Pause a job; a running one when it has stopped. Raises as :meth:`cancel`."""

    def resume(self, job_id: str) -> str:
        """
        Put a paused job back on the queue, its delay kept. Raises as :meth:`retry`.

        Of one that waits for its children, a pause that was asked for before is taken back.
        """

    def retry(self, job_id: str) -> str:
        """
        Put a failed or cancelled job back on the queue; its checkpoint stays.

        Raises NotFound or IllegalTransition.
        """

    def stop_requests(self) -> list[tuple[str, str]]:
        """Running jobs that somebody wants to stop: (job id, ``cancel`` or ``pause``)."""

    def renew(self, attempts: Sequence[tuple[str, int]], lease_s: float) -> set[tuple[str, int]]:
        """
        Prolong the leases of attempts (job id, number) by *lease_s* from now.

        Returns those that are over in the store, so that there is nothing to prolong.
        """

    def running(self) -> list[tuple[Claimed, str, str | None]]:
        """Attempts that are running under a lease, each with its worker and its lease's end."""
