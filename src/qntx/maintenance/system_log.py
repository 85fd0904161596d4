"""What the system itself has to say, as lines of a log of its own."""

from __future__ import annotations

from typing import Any

from qntx.config import Settings
from qntx.recording.lines import put_in
from qntx.recording.session import journal_of

#: Read it like the log of a job: ``qntx logs SYSTEM``.
SYSTEM_LOG = "SYSTEM"


def say(settings: Settings, level: int, message: str, **metadata: Any) -> None:
    """One line in the system's log."""
    journal = journal_of(settings.home, settings.capture)
    put_in(journal, SYSTEM_LOG, level, "system", message, metadata)
