"""Whose a running attempt is: leases that are renewed, and those that nobody renews any more."""

from __future__ import annotations

import time
from collections.abc import Sequence

from qntx.journal.writer import Journal
from qntx.model.job import Claimed
from qntx.runtime.rescue import rescue
from qntx.storage.interfaces import Store, Supervisors

RENEW_S = 5.0
RESCUE_S = 5.0
LEASE_S = 30.0


class Leases:
    """The leases of one supervisor, and its eye on those of the others."""

    def __init__(self, supervisors: Supervisors, lease_s: float, journal: Journal) -> None:
        self.lease_s = lease_s
        self._supervisors = supervisors
        self._registration = supervisors.register()
        self.name = self._registration.name
        #: Inherited by the workers: while one of them lives, this supervisor counts as alive.
        self.descriptor = self._registration.descriptor
        self._journal = journal
        self._renew_at = self._rescue_at = 0.0
        #: Leases of others as they were seen last, and since when.
        self._seen: dict[tuple[str, int], tuple[str | None, float]] = {}
        #: Attempts of ours that have ended in the store while a worker still holds them.
        self._ended: set[tuple[str, int]] = set()

    def renew(self, store: Store, held: Sequence[Claimed]) -> list[str] | None:
        """
        Prolong the leases of the jobs *held*, when it is time (None: it is not).

        Returns the jobs that others have taken over, because we were stopped for longer than a
        lease: those that are over in the store twice in a row - the first time, word of their end
        may be on its way.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return None
        self._renew_at = now + min(RENEW_S, self.lease_s / 4)
        ended: set[tuple[str, int]] = set()
        if held:
            ended = store.queue.renew([(job.id, job.attempt) for job in held], self.lease_s)
        lost = [job_id for job_id, _ in ended & self._ended]
        self._ended = ended
        return lost

    def rescue(self, store: Store, ours: set[str]) -> None:
        """
        Attempts of supervisors that are gone, or do not renew, go back to the queue.

        A lease has run out when nobody renewed it for as long as it lasts, by our own monotonic
        clock: a system clock that jumps ends no lease, and makes none eternal.
        """
        now = time.monotonic()
        if now < self._rescue_at:
            return
        self._rescue_at = now + min(RESCUE_S, self.lease_s / 4)
        seen, self._seen = self._seen, {}
        for job, owner, until in store.queue.running():
            if job.id in ours:
                continue
            key = (job.id, job.attempt)
            last, since = seen.get(key, (until, now))
            self._seen[key] = (until, since if last == until else now)
            if owner != self.name and self._supervisors.is_gone(owner):
                rescue(job, "server_restarted", self._journal)
            elif last == until and now - since > self.lease_s:
                rescue(job, "lease_expired", self._journal)

    def announce(self, handlers: Sequence[str]) -> None:
        """Tell the other processes of this store which handlers our workers have."""
        self._registration.announce(handlers)

    def live_handlers(self) -> set[str]:
        """The handlers that any worker of this store has."""
        return self._supervisors.live_handlers() or set()

    def close(self) -> None:
        """This supervisor is at its end, and so are its workers."""
        self._registration.close()
