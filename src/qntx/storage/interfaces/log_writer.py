"""What the indexer asks of a backend: rounds of numbered lines and of attempts' events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from qntx.storage.interfaces.log_rows import (
    ContextCounts,
    ContextState,
    EventFields,
    LineRow,
    Offset,
    OffsetMove,
    PartRow,
    Place,
    RunCounts,
    RunState,
    SpoolRow,
)


class LogWriter(Protocol):  # budget: one method per thing that is stored
    """
    Stores what journals hold, for the one indexer of a data directory.

    The indexer numbers, counts and decides; a backend stores. What is written inside
    :meth:`round` may wait until its end, so that a backend can write it in the order and in the
    pieces that suit it. Keys may be made outside of the round, and may stay when it fails.

    Methods raise StoreBusy (try again) and StoreUnavailable (begin again with a new writer). Those
    for events raise UnstorableValue for a value that the store will never take.
    """

    def round(self) -> AbstractContextManager[None]:
        """
        What is written inside is stored together, or not at all.

        Entering it waits for its turn, and raises StoreBusy when that does not come: nothing has
        happened then. An error later says that nothing was stored, or that nobody can tell (the
        answer to a commit was lost, the database was replaced): :meth:`offsets` says what is true.
        """

    # -- keys ------------------------------------------------------------------------------------

    def run(self, job_id: str, attempt: int) -> RunState:
        """The attempt as the store has it; it is added when the queue did not."""

    def find(self, context: ContextState) -> None:
        """Give *context* its key, if the store has it."""

    def place(self, contexts: Iterable[ContextState]) -> None:
        """Give each of *contexts* that has no key its own; the store has them from then on."""

    def origin(self, source: str, logger: str | None) -> int:
        """The key of an origin of lines."""

    # -- lines and counters ----------------------------------------------------------------------

    def store_lines(self, lines: Sequence[LineRow], large: Sequence[LineRow]) -> None:
        """
        Store lines, each list in the order of their numbers.

        The messages of *large* ones are bytes, of up to 10⁹; a backend may keep them apart.
        """

    def add_counts(self, contexts: Sequence[ContextCounts], runs: Sequence[RunCounts]) -> None:
        """
        Add what a round counted; once in a round.

        Raises StoreUnavailable when the newest line of an attempt is not ``before``: somebody
        else has stored lines of it.
        """

    # -- events of attempts; times are UTC microseconds -----------------------------------------

    def begin(self, run: RunState, fields: EventFields, at_us: int) -> None:
        """An attempt begins; ``job``: one in the foreground brings its job along."""

    def end(self, run: RunState, fields: EventFields, at_us: int) -> None:
        """An attempt is over, its job goes where ``status`` says; a later end changes nothing."""

    def has_begun(self, run: RunState) -> bool:
        """Whether a process has begun with the attempt, as far as is known."""

    def spawn(self, run: RunState, fields: EventFields, at_us: int) -> None:
        """The attempt puts ``request`` on the queue, as a child of its job with the id ``id``."""

    def span(self, context_key: int, fields: EventFields, at_us: int) -> None:
        """A stage or task is known (pending), begins (running) or ends."""

    def progress(self, run: RunState, fields: EventFields, at_us: int) -> None:
        """The job is so far; ``cost`` is added; what is missing stays as it is."""

    def checkpoint(self, run: RunState, fields: EventFields) -> None:
        """What the next attempt resumes from (``state``)."""

    def unsupervised(self, producer: str) -> list[tuple[str, int]]:
        """The running attempts (job id, attempt) that only the process of *producer* knew of."""

    # -- over a restart of the indexer -----------------------------------------------------------

    def save_parts(self, parts: Iterable[PartRow]) -> None:
        """Keep pieces of lines that are not complete; one that is kept already is replaced."""

    def drop_parts(self, parts: Iterable[tuple[str, int]]) -> None:
        """Forget pieces whose line is complete: (producer, part)."""

    def load_parts(self, producer: str) -> list[tuple[Place, PartRow]]:
        """The pieces kept of a producer, those of a line together and in order."""

    def save_spools(self, spools: Iterable[SpoolRow]) -> None:
        """Keep how far spools are stored."""

    def miss_end(self, run: RunState, stream: str) -> None:
        """The end of *stream* (in words) will never be seen: the attempt's receipt names it."""

    def drop_spools(self, paths: Iterable[str]) -> None:
        """Forget spools that are stored whole."""

    def load_spools(self) -> list[tuple[Place, SpoolRow]]:
        """The spools that are kept."""

    def offsets(self) -> dict[str, Offset]:
        """Up to where each journal is stored, by its producer."""

    def save_offsets(self, moves: Sequence[OffsetMove]) -> None:
        """
        Journals are stored up to here, with what else the round writes.

        Raises StoreUnavailable when the store is not where one of them began: somebody else has
        stored the same.
        """

    def drop_offsets(self, producers: Iterable[str]) -> None:
        """Forget journals whose files are gone."""

    # -- itself ----------------------------------------------------------------------------------

    def housekeep(self) -> None:
        """Nothing comes for now: time for what the store has to do some time; never fails."""

    def close(self) -> None:
        """Let go of the database."""
