"""How processes that share a store agree: who leads, and who is to look for news."""

from __future__ import annotations

from typing import Protocol


class Leadership(Protocol):
    """A role that one process at a time has; it ends with the process, however that ends."""

    def take(self) -> bool:
        """Take the role, if nobody has it; never waits."""

    def release(self) -> None:
        """Give it back, if this process has it."""

    def is_taken(self) -> bool | None:
        """Whether somebody has it; None: nobody ever had. Never takes it from anybody."""


class WakeUp(Protocol):
    """
    A hint to look for news, which one process waits for and any other may give.

    Whoever wakes looks for itself what there is to do, and looks from time to time even without.
    """

    def listen(self) -> None:
        """Begin to listen."""

    @property
    def descriptors(self) -> list[int]:
        """What to select on; nothing before :meth:`listen`."""

    def clear(self) -> None:
        """Take the hints that have arrived."""

    def notify(self) -> None:
        """Wake the listeners, if there are any; never waits and never fails."""
