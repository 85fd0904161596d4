"""Levels and sources of log lines."""

from __future__ import annotations

DEBUG, INFO, WARN, ERROR, CRITICAL = 10, 20, 30, 40, 50

#: Name of each level, lowest first; a level in between counts as the next lower one.
LEVELS: dict[str, int] = {
    "debug": DEBUG,
    "info": INFO,
    "warn": WARN,
    "error": ERROR,
    "critical": CRITICAL,
}
LEVEL_NAMES = tuple(LEVELS)

#: Where a line came from.
SOURCES = (
    "emitter",
    "logging",
    "stdout",
    "stderr",
    "warning",
    "exception",
    "fd",
    "subprocess",
    "scheduler",
    "system",
)


def level_name(level: int) -> str:
    """The name that a numeric *level* is shown under."""
    if level >= ERROR:
        return "critical" if level >= CRITICAL else "error"
    if level >= WARN:
        return "warn"
    return "info" if level >= INFO else "debug"


def parse_level(name: str) -> int:
    """
    The numeric level of a *name* (``warning``, ``WARN``, ``30`` and ``fatal`` work too).

    Raises ValueError with the known names.
    """
    lowered = name.strip().lower()
    known = {**LEVELS, "warning": WARN, "fatal": CRITICAL, "trace": 5, "err": ERROR}
    if lowered in known:
        return known[lowered]
    if lowered.lstrip("-").isdigit():
        return int(lowered)
    raise ValueError(f"{name!r} is not a valid level - use one of {', '.join(LEVELS)}")
