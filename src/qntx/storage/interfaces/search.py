"""Search over the lines of all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qntx.model.search import FoundPage
    from qntx.model.views import LogFilter


#: The most lines of one page.
MAX_FOUND = 1_000


class Search(Protocol):
    """The lines of all runs of one database."""

    def page(
        self,
        wanted: LogFilter,
        *,
        handler: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> FoundPage:
        """
        Lines of all runs that fit *wanted* (and are of *handler*), the newest first.

        Runs that began last come first, in each the newest line. A page may hold fewer lines than
        *limit*, or none, and yet have a cursor: there was more than half a second allows for.
        """
