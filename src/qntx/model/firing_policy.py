"""What to do with instants that are due: which to fire, which were missed, what may overlap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qntx.errors import BadInput
from qntx.model.cron import MICRO
from qntx.model.timing import Timing

#: A firing that is late by no more than this is on time, under every policy.
ON_TIME_US = 10 * MICRO
#: So many missed instants are recorded one by one; what lies before them, in one record.
MAX_RECORDED = 1_000
#: More runs than this are never caught up at once.
MAX_CAUGHT_UP = 1_000
MAX_PARALLEL = 1_000
#: Tickers that were silent for longer than this were down (one is at work once a minute at least).
SILENCE_US = 90 * MICRO

Action = Literal["run", "wait", "skip", "replace"]
_POLICY = re.compile(r"([a-z]+)(?:\((\d{1,9})\))?")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Whether a schedule fires while its last job is active; *limit*: how many at a time."""

    kind: Literal["skip", "queue", "parallel", "replace"]
    limit: int = 1

    def __str__(self) -> str:
        """As it is kept: ``queue``, ``parallel(3)``."""
        return f"{self.kind}({self.limit})" if self.kind == "parallel" else self.kind


@dataclass(frozen=True, slots=True)
class Missed:
    """What becomes of instants at which no ticker was at work; *limit*: how many are run."""

    kind: Literal["skip", "one", "all"]
    limit: int

    def __str__(self) -> str:
        """As it is kept: ``one``, ``all(20)``."""
        return f"{self.kind}({self.limit})" if self.kind == "all" else self.kind


#: What code may write: the policies that need no limit by their names.
OverlapPolicy: TypeAlias = Literal["skip", "queue", "replace"] | Overlap
MissedPolicy: TypeAlias = Literal["skip", "one"] | Missed


_PLAIN_OVERLAP = {
    "skip": Overlap("skip"),
    "queue": Overlap("queue"),
    "replace": Overlap("replace"),
}


def parse_overlap(text: str) -> Overlap:
    """``skip``, ``queue``, ``parallel(n)`` or ``replace``; raises BadInput."""
    kind, limit = _policy(text)
    if kind == "parallel" and limit is not None and 1 <= limit <= MAX_PARALLEL:
        return Overlap("parallel", limit)
    if kind in _PLAIN_OVERLAP and limit is None:
        return _PLAIN_OVERLAP[kind]
    raise BadInput(
        f"{text[:40]!r} is not a valid overlap policy - use skip, queue, replace or "
        "parallel(n) with n from "
        f"1 to {MAX_PARALLEL}"
    )


def parse_missed(text: str) -> Missed:
    """``skip``, ``one`` or ``all(limit)``; raises BadInput."""
    kind, limit = _policy(text)
    if kind == "skip" and limit is None:
        return Missed("skip", 0)
    if kind == "one" and limit is None:
        return Missed("one", 1)
    if kind == "all" and limit is not None and 1 <= limit <= MAX_CAUGHT_UP:
        return Missed("all", limit)
    raise BadInput(
        f"{text[:40]!r} is not a valid missed-run policy - use skip, one or all(limit) "
        f"with a limit from 1 "
        f"to {MAX_CAUGHT_UP}"
    )


def _policy(text: str) -> tuple[str, int | None]:
    found = _POLICY.fullmatch(text.strip())
    if found is None:
        return "", None
    return found[1], None if found[2] is None else int(found[2])


@dataclass(frozen=True, slots=True)
class Downtime:
    """A time in which no ticker was at work, in UTC microseconds."""

    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What is to be done now: instants to fire and instants missed, each in order."""

    fire: list[int]
    missed: list[int]
    #: The first one missed, if those before *missed* are too many to be listed.
    earlier_us: int | None
    next_us: int | None


def catch_up(
    schedule_id: str, timing: Timing, first_us: int, now_us: int, policy: Missed
) -> CatchUp:
    """
    Sort the nominal instants from *first_us* on that are due at *now_us*.

    While none is more than 10 seconds late, all are on time and fire. Otherwise ``skip`` fires
    the newest if that one is on time, ``one`` fires the newest however late it is, and
    ``all(limit)`` the newest *limit*; the others were missed. Raises BadInput when the timing
    cannot be used.
    """
    due = timing.newest(first_us, now_us, MAX_RECORDED + policy.limit)
    next_us: int | None = timing.next_after(due[-1] if due else first_us - 1)
    while due and timing.due(schedule_id, due[-1]) > now_us:
        next_us = due.pop()
    if not due:
        return CatchUp([], [], None, next_us)
    if due[0] == first_us and now_us - timing.due(schedule_id, first_us) <= ON_TIME_US:
        return CatchUp(due, [], None, next_us)
    on_time = now_us - timing.due(schedule_id, due[-1]) <= ON_TIME_US
    number = max(policy.limit, int(on_time))
    fire = due[-number:] if number else []
    missed = due[: len(due) - len(fire)]
    listed = missed[-MAX_RECORDED:]
    earlier_us = first_us if (*listed, *fire)[0] > first_us else None
    return CatchUp(fire, listed, earlier_us, next_us)


def on_overlap(policy: Overlap, active: int, waiting: int, *, late: bool) -> Action:
    """
    What to do with a firing while *active* jobs of its schedule run and *waiting* wait for them.

    One that is caught up (*late*) is never skipped: it waits its turn.
    """
    if policy.kind == "parallel":
        if active + waiting < policy.limit:
            return "run"
        return "wait" if late else "skip"
    if active + waiting == 0:
        return "run"
    if late:
        return "wait"
    if policy.kind == "queue" and waiting == 0:
        return "wait"
    return "replace" if policy.kind == "replace" else "skip"
