"""The one filter of log lines, from words as people write them: in a URL, a shell, a program."""

from __future__ import annotations

import re

from qntx.clock import from_iso
from qntx.errors import BadInput
from qntx.model.log import LEVEL_NAMES, SOURCES, level_name, parse_level
from qntx.model.text_match import TextMatch
from qntx.model.views import LogFilter

_SPACED_ZONE = re.compile(r"(\d) (\d\d:?\d\d)$")


def parse_filter(
    *,
    stage: str | None = None,
    task_id: str | None = None,
    level: str | None = None,
    source: str | None = None,
    logger: str | None = None,
    attempt: int | None = None,
    since: str | None = None,
    until: str | None = None,
    q: str | None = None,
    case: bool = False,
    regex: bool = False,
) -> LogFilter:
    """
    The filter that the words describe; what is None or empty is no matter.

    *level* is the lowest wanted, or with a comma exactly those; *source* one or several with
    commas; *since* (included) and *until* (not included) are RFC 3339 times. Raises BadInput that
    says which word it was and what there is instead.
    """
    minimum, exact = _levels(level)
    if q:
        TextMatch(q, case, regex).checked()
    return LogFilter(
        stage=stage,
        task_id=task_id,
        min_level=minimum,
        levels=exact,
        sources=_sources(source),
        logger=logger or None,
        attempt=attempt,
        since_us=_time("since", since),
        until_us=_time("until", until),
        text=q or None,
        case=case,
        regex=regex,
    )


def _levels(text: str | None) -> tuple[int | None, tuple[str, ...] | None]:
    """(lowest level, None) or (None, exact levels); (None, None): all."""
    if text is None or not text.strip():
        return None, None
    if "," not in text:
        return _level(text), None
    names = {level_name(_level(name)) for name in text.split(",") if name.strip()}
    return None, tuple(name for name in LEVEL_NAMES if name in names)


def _level(name: str) -> int:
    name = name.strip()
    if not name.isalpha():
        raise BadInput(f"{name!r} is not a valid level - use one of {', '.join(LEVEL_NAMES)}")
    try:
        return parse_level(name)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _sources(text: str | None) -> tuple[str, ...] | None:
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in SOURCES:
            raise BadInput(f"{name!r} is not a valid source - use one of {', '.join(SOURCES)}")
    return tuple(dict.fromkeys(names)) or None


def _time(name: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        # A "+" that was not encoded in a URL arrives as a space.
        return from_iso(_SPACED_ZONE.sub(r"\1+\2", text.strip()))
    except (ValueError, OverflowError):
        raise BadInput(
            f"{name}: {text[:80]!r} is not a valid time - write it as 2026-01-31T10:20:30Z"
        ) from None
