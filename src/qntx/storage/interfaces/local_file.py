"""What can be asked of a database that is a file on this machine, and done to it."""

from __future__ import annotations

from typing import Protocol

import msgspec


class LockOwner(msgspec.Struct, frozen=True):
    """The process inside a write transaction; *stopped*: it does nothing until it is told to."""

    pid: int
    command: str
    stopped: bool

    @property
    def text(self) -> str:
        """The process as part of a sentence, with what to do if it is stopped."""
        named = f"process {self.pid} ({self.command})"
        if not self.stopped:
            return named
        return (
            f"{named}, which is stopped in the middle of it - kill -CONT {self.pid} lets it go "
            f"on, kill -KILL {self.pid} undoes what it had not finished"
        )


class LocalFile(Protocol):
    """The file of a database."""

    def writer(self) -> LockOwner | None:
        """The process that is in a write transaction; None: nobody, or it cannot be told."""

    def needs_compacting(self) -> bool:
        """Whether most of it is free space that only :meth:`compact` gives back."""

    def compact(self) -> None:
        """
        Write the file anew, without free pages, so that it gives space back from then on.

        Nobody else can write while it works (some seconds a gigabyte), and it needs as much space
        again. Raises StoreBusy when somebody writes, or the disk is full.
        """
