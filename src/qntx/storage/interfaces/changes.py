"""What changed: told to who watches, and the signal that there may be something to tell."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol


class Changed(NamedTuple):
    """Ids of what changed, each once, and how many more there were than were told of."""

    jobs: list[str]
    executions: list[str]
    schedules: list[str]
    untold: int = 0


class Changes(Protocol):
    """Jobs, executions and schedules that changed."""

    def look(self, place: object | None) -> tuple[Changed, object]:
        """
        What changed since *place*, and the place to look from the next time.

        None gives nothing, and the place of now. A look costs as much as changed, not as there is.
        """

    def since(self, at: str) -> Changed:
        """
        What changed after the time *at*, as far back as that can be known.

        For a view that was away: the newest 5,000 jobs and executions are looked through.
        """


class ChangeSignal(Protocol):
    """Says when others may have stored something; for one thread."""

    def wait(self, stopping: threading.Event) -> bool:
        """
        Sleep until something may have changed: True at the first call, and after every change.

        False: *stopping* was set. Raises StoreUnavailable; the next call tries anew.
        """

    def close(self) -> None:
        """Let go of what it holds open."""
