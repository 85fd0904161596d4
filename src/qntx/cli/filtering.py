"""The options that say which lines are wanted, the same for every command that shows lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from qntx.errors import BadInput

if TYPE_CHECKING:
    from qntx.model.views import LogFilter

_OPTIONS = (
    click.option("--stage", help='Only this stage; "" for what was said outside of any.'),
    click.option("--task", "task_id", help="Only this task; a stage's name for its own lines."),
    click.option("--level", help="This level and above, or a list: warn,error."),
    click.option("--source", help="Where lines came from, or a list: stdout,stderr."),
    click.option("--logger", help='A logger and its children; "a.b." for the children alone.'),
    click.option(
        "--since",
        metavar="TIME",
        help="From then on: 2h (ago), '2026-01-31 10:20' (here), 2026-01-31T10:20:30Z.",
    ),
    click.option("--until", metavar="TIME", help="Before then, in the same forms."),
    click.option("--regex", is_flag=True, help="The text is a pattern (RE2)."),
    click.option("--case", is_flag=True, help="Upper and lower case are not the same."),
)


def line_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that :func:`filter_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def filter_of(*, since: str | None, until: str | None, **words: Any) -> LogFilter:
    """The filter that the options describe; raises BadInput that names the option."""
    from qntx.model.filtering import parse_filter

    return parse_filter(since=_time(since), until=_time(until), **words)


def _time(text: str | None) -> str | None:
    """A time as it is, one that is so long ago, or one by the clocks of this machine."""
    from datetime import datetime

    from qntx.clock import iso, now_us
    from qntx.model.durations import parse_duration

    if text is None:
        return None
    try:
        return iso(now_us() - parse_duration(text) * 1_000_000)
    except BadInput:
        pass  # none, but it may be a time
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        return text
