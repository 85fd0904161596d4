"""Fields of text that hold one of a few values, as the OpenAPI document lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

import msgspec

from qntx.model.job import JobStatus
from qntx.model.log import LEVEL_NAMES


def one_of(values: Iterable[str | None]) -> msgspec.Meta:
    """For the annotation of a field: the *values* that OpenAPI lists; nothing is checked."""
    return msgspec.Meta(extra_json_schema={"extra": {"enum": [*values]}})


StatusName: TypeAlias = Annotated[str, one_of(map(str, JobStatus))]
RunKind: TypeAlias = Annotated[str, one_of(("queue", "foreground", "command", "block"))]
LevelName: TypeAlias = Annotated[str, one_of(LEVEL_NAMES)]
#: How a stage or task is doing; None: it has lines, but it never began.
SpanStatus: TypeAlias = Annotated[
    str | None, one_of(("pending", "running", "completed", "failed", "interrupted", None))
]
