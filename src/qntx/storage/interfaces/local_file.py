"""What can be asked of a database that is a file on this machine, and done to it."""

from __future__ import annotations

from typing import Protocol


class LocalFile(Protocol):
    """The file of a database."""

    def needs_compacting(self) -> bool:
        """Whether most of it is free space that only :meth:`compact` gives back."""

    def compact(self) -> None:
        """
        Write the file anew, without free pages, so that it gives space back from then on.

        Nobody else can write while it works (some seconds a gigabyte), and it needs as much space
        again. Raises StoreBusy when somebody writes, or the disk is full.
        """
