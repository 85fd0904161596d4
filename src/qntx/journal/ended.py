"""The journal of a run that is over, where nothing more of it is to be stored."""

from __future__ import annotations

from typing import Any

from qntx.journal.run_scope import Origin
from qntx.journal.writer import Journal


class EndedJournal(Journal):
    """Keeps nothing: for code that a run has left behind and that goes on logging through it."""

    def __init__(self, journal: Journal) -> None:
        """Stand in for *journal*, which others may still use."""
        self.folder = journal.folder
        self.producer = journal.producer

    @property
    def closed(self) -> bool:
        """Always true."""
        return True

    def line(self, *args: Any, **kwargs: Any) -> None:
        """Keep nothing."""

    large_line = event = lost = line

    def origin(self, source: str, logger: str | None = None) -> Origin:
        """An origin that no segment knows."""
        return Origin(source, logger)
