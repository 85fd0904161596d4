"""The filter of log lines as parameters of a URL."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from qntx.model.filtering import parse_filter
from qntx.model.log import SOURCES
from qntx.model.views import LogFilter

MAX_TEXT = 1_024
MAX_NAME = 4_096
MAX_NUMBER = (1 << 31) - 1

Stage: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description='Lines of this stage; "" for those outside of any.', max_length=MAX_NAME
    ),
]
Task: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="Lines of this task; a stage's own name for its lines that belong to no task.",
        max_length=MAX_NAME,
    ),
]
Level: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="The lowest level wanted (debug, info, warn, error, critical), or "
        "exactly these levels as a comma list (one alone: error,error).",
        max_length=100,
    ),
]
Source: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description=f"Where the line came from, or a comma list: {', '.join(SOURCES)}.",
        max_length=200,
    ),
]
Logger: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description='A logger and its children ("a.b" is also "a.b.c"); "a.b." for '
        "the children alone.",
        max_length=MAX_NAME,
    ),
]
Attempt: TypeAlias = Annotated[
    int | None,
    QueryParameter(description="Only this attempt, from 1; default: all.", ge=1, le=MAX_NUMBER),
]
Since: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="Lines from this time on: 2026-01-31T10:20:30Z.", max_length=64),
]
Until: TypeAlias = Annotated[
    str | None,
    QueryParameter(description="Lines before this time: 2026-01-31T10:20:30Z.", max_length=64),
]
Text: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="Lines whose message holds this text, wherever in it.", max_length=MAX_TEXT
    ),
]
Case: TypeAlias = Annotated[
    bool, QueryParameter(description="Whether upper and lower case of q are not the same.")
]
Regex: TypeAlias = Annotated[
    bool, QueryParameter(description="Whether q is a pattern, in the syntax of RE2.")
]


def log_filter(
    stage: Stage = None,
    task_id: Task = None,
    level: Level = None,
    source: Source = None,
    logger: Logger = None,
    attempt: Attempt = None,
    since: Since = None,
    until: Until = None,
    q: Text = None,
    case: Case = False,
    regex: Regex = False,
) -> LogFilter:
    """The filter that the parameters describe; raises BadInput with the known names."""
    return parse_filter(
        stage=stage,
        task_id=task_id,
        level=level,
        source=source,
        logger=logger,
        attempt=attempt,
        since=since,
        until=until,
        q=q,
        case=case,
        regex=regex,
    )


#: How a route asks for the filter.
Wanted: TypeAlias = NamedDependency[SkipValidation[LogFilter]]
