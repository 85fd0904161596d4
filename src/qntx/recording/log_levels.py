"""From which level on records of logging libraries are stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping


class Levels:
    """From which level on records are stored."""

    def __init__(self) -> None:
        #: Below it no record is stored, whoever lets it through.
        self.lowest = 0
        #: By logger, also for its children: from which level on records are stored although the
        #: program lets none through. Of all others those from info on.
        self.by_logger: dict[str, int] = {}
        #: By logger: what :meth:`of` gives, for those that were asked for.
        self.found: dict[str, int] = {}

    def set(self, lowest: int, by_logger: Mapping[str, int]) -> None:
        """Store none below *lowest* (0: all), and *by_logger* from another level than info on."""
        self.lowest = lowest or -(2**63)
        self.by_logger = dict(by_logger)
        self.found.clear()

    def of(self, name: str) -> int:
        """From which level on records of the logger *name* are stored in any case."""
        found = self.found.get(name)
        if found is None:
            parent = name
            while parent and parent not in self.by_logger:
                parent = parent.rpartition(".")[0]
            level = self.by_logger.get(parent, logging.INFO)
            found = self.found[name] = max(self.lowest, level)
        return found


#: The levels in force.
LEVELS = Levels()
