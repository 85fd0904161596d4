"""What the indexer knows of runs and their contexts while it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SEQ_BITS = 32
SEQ_MASK = (1 << SEQ_BITS) - 1


@dataclass(slots=True, eq=False)
class RunState:
    """One attempt, by its key in the store."""

    run_key: int
    job_id: str
    attempt: int
    #: Sequence number of the newest stored line.
    seq: int = 0
    redactions: int = 0
    lost: int = 0
    first_error_seq: int | None = None
    ended: bool = False
    #: Nothing of it was in the store when it was first met: whatever is known of it is here.
    fresh: bool = False
    #: What its beginning has to write, until it is written.
    begun: dict[str, Any] | None = None
    #: The id of a line is this, or-ed with its sequence number.
    base: int = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.run_key << SEQ_BITS

    #: Its stages and tasks that were seen, by name.
    contexts: dict[tuple[str | None, str | None], ContextState] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ContextState:
    """One stage or task of an attempt (or the attempt itself), with what this round adds."""

    run: RunState
    #: 0 until it has a row: see `IndexWriter.place`.
    context_key: int
    stage: str | None
    task_id: str | None
    #: Lines of this round by level.
    counts: dict[int, int] = field(default_factory=dict)
    first_id: int = 0
    last_id: int = 0
    first_ts: int = 0
    last_ts: int = 0


def level_column(level: int) -> int:
    """Which of debug, info, warn, error, critical (0-4) a numeric level counts as."""
    if level >= 40:
        return 4 if level >= 50 else 3
    if level >= 30:
        return 2
    return 1 if level >= 20 else 0
