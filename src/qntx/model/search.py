"""What is shown of a search over all runs."""

from __future__ import annotations

import msgspec

from qntx.model.views import Line


class FoundLine(Line, frozen=True, kw_only=True):
    """A line that was found, and whose it is."""

    handler_name: str
    #: What the job is about.
    job_source: str | None


class Indexed(msgspec.Struct, frozen=True):
    """How many lines the search index covers, and how many are looked through one by one."""

    lines: int
    pending: int


class FoundPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that were found, the newest first; with a cursor there may be more."""

    q: str
    logs: list[FoundLine]
    next_cursor: str | None
    indexed: Indexed
