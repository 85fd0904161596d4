"""Alike lines of a job, together."""

from __future__ import annotations

import msgspec

from qntx.model.views import Line


class LineGroup(msgspec.Struct, frozen=True):
    """Lines that say the same but for numbers and ids: how many, the first and the last."""

    count: int
    first: Line
    last: Line


class LineGroups(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a job that fit a filter, alike ones together."""

    job_id: str
    #: Lines that fit, and how many of them (from the first on) were looked at.
    total_count: int
    looked_at: int
    #: How many groups there are; *groups* are the gravest and largest of them.
    group_count: int
    groups: list[LineGroup]
