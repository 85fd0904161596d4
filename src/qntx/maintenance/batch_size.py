"""How much to do in one write transaction, so that no other writer waits long for it."""

from __future__ import annotations

#: No step holds the database's write lock longer ...
LIMIT_S = 0.050
#: ... so steps are made as large as takes this long.
AIM_S = 0.008


class AdaptiveBatchSize:
    """The size of the next step, learned from how long the ones before took."""

    def __init__(self, first: int, *, least: int = 1, most: int = 50_000) -> None:
        self.size = first
        self._least = least
        self._most = most
        self.longest_s = 0.0

    def took(self, seconds: float, done: int) -> None:
        """A step of *done* units held the write lock for *seconds*."""
        self.longest_s = max(self.longest_s, seconds)
        if seconds > AIM_S:
            fitting = int(done * AIM_S / seconds)
        elif done >= self.size:
            fitting = int(self.size * min(2.0, AIM_S / max(seconds, 1e-4)))
        else:
            return  # a small rest says nothing about a full step
        self.size = max(self._least, min(fitting, self._most))
