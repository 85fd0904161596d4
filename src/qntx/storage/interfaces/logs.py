"""Log lines, as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from qntx.model.groups import LineGroups
    from qntx.model.receipt import Receipt
    from qntx.model.views import (
        Counts,
        Histogram,
        Line,
        LogFilter,
        LogPage,
        StagesView,
        TaskLogPage,
    )


#: The most lines of one page.
MAX_LINES_PER_PAGE = 10_000


class Tail(NamedTuple):
    """Some lines that follow a position, the position after them, and whether there are more."""

    lines: list[Line]
    position: int
    more: bool


class Totals(NamedTuple):
    """Sums over all attempts there ever were, expired lines included."""

    stored: int
    lost: int
    redactions: int


class Logs(Protocol):  # budget: one method per question
    """The lines of one database."""

    def stages(self, job_id: str, attempt: int | None = None) -> StagesView:
        """
        The stage → task tree of an attempt of *job_id* (default: the newest).

        Raises NotFound for an unknown job or attempt.
        """

    def page(
        self,
        job_id: str,
        wanted: LogFilter,
        *,
        limit: int = 1000,
        after: str | None = None,
        before: str | None = None,
        around: int | None = None,
    ) -> LogPage:
        """
        Lines of *job_id* that fit *wanted*, in order, over all attempts (or one).

        *after* and *before* are cursors or plain sequence numbers (of the attempt asked for, or
        of the newest); *around* is such a number, in whose middle the page lies.
        Raises NotFound for an unknown job.
        """

    def histogram(self, job_id: str, wanted: LogFilter, buckets: int) -> Histogram:
        """When the lines that fit were said, in at most so many buckets. Raises NotFound."""

    def groups(self, job_id: str, wanted: LogFilter) -> LineGroups:
        """
        The lines that fit, alike ones together: the gravest first, then the most.

        Warnings and above, unless *wanted* asks for levels. Alike are lines of one level whose
        messages (their first 4,096 characters) differ in numbers, ids and hashes only. The first
        20,000 lines are grouped, and 200 groups given. Raises NotFound for an unknown job.
        """

    def since(self, job_id: str, wanted: LogFilter, position: int, limit: int) -> Tail:
        """
        Lines that fit and lie after *position* (a :meth:`position`; 0: all), up to *limit*.

        To be called again with the position that it gives, it passes over nothing and gives
        nothing twice, while lines arrive. Raises NotFound for an unknown job.
        """

    def position(self, job_id: str, after: str, attempt: int | None = None) -> int:
        """
        The place just after the line that *after* names: a cursor, ``attempt:seq`` or a number.

        Raises BadInput for anything else, NotFound for an unknown job or attempt.
        """

    def cursor(self, job_id: str, line: Line) -> str:
        """The cursor just after *line*: pages go on from there, also with lines yet to come."""

    def task(self, task_id: str, job_id: str | None, limit: int, after: str | None) -> TaskLogPage:
        """Lines of *task_id* over all jobs, newest first, or of one job in order."""

    def counts(self, runs: list[tuple[int, int]]) -> Counts:
        """Lines by level over *runs*."""

    def receipt(self, job_id: str, attempt: int | None = None) -> Receipt:
        """The receipt of one attempt, or of all of a job together."""

    def growing(self, job_id: str, wanted: LogFilter) -> list[Line]:
        """
        Lines that have no newline yet, as they are now; they have no number (0).

        Of a progress bar the newest frame, and in ``metadata`` how many ``frames`` there were.
        """

    def totals(self) -> Totals:
        """The sums over all attempts."""

    def journal_offsets(self) -> dict[str, tuple[int, int]]:
        """Up to where journals are stored: (segment, byte in it), by the name of who wrote them."""

    def spools(self) -> set[str]:
        """The files of what went past Python, by name, that are not stored whole."""

    def message(self, job_id: str, attempt: int, seq: int) -> bytes:
        """The whole message of one line, as bytes. Raises NotFound."""

    def lines(self, job_id: str, wanted: LogFilter) -> Iterator[tuple[Line, bytes]]:
        """
        Every line that fits, with its whole message as bytes, a few thousand at a time.

        Raises NotFound for an unknown job.
        """

    def runs(self, job_id: str, attempt: int | None = None) -> list[tuple[int, int]]:
        """(attempt, run key) of a job, in order; raises NotFound for an unknown job."""
