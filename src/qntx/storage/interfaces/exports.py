"""Whole logs and lists as streams, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qntx.model.schedule import Execution
    from qntx.model.views import LogFilter


class Exports(Protocol):
    """
    Streams that may be read slowly, and each step in another thread.

    They hold what they read from until they are at their end, or closed. What is wrong is raised
    before their first chunk.
    """

    def text(self, job_id: str, wanted: LogFilter) -> Generator[bytes, None, None]:
        """
        The messages of *job_id* that fit *wanted*, byte by byte, each with its newline.

        A message that was said without one stays without. Raises NotFound for an unknown job.
        """

    def ndjson(self, job_id: str, wanted: LogFilter) -> Generator[bytes, None, None]:
        """
        The lines of *job_id* that fit *wanted*, one JSON object a line, with their whole messages.

        Bytes that are no valid UTF-8 are shown escaped, and given as ``message_base64`` besides.
        Raises NotFound for an unknown job.
        """

    def message(self, job_id: str, attempt: int, seq: int) -> Generator[bytes, None, None]:
        """The whole message of one line in pieces. Raises NotFound."""

    def executions(
        self, schedule_id: str, statuses: Sequence[str] = ()
    ) -> Generator[Execution, None, None]:
        """Every execution of a schedule, newest first."""
