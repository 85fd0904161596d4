"""Durations as people write them: ``6h``, ``1h30m``, ``90s``."""

from __future__ import annotations

import re

from qntx.errors import BadInput

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NAMES = {
    "w": "weeks?",
    "d": "days?",
    "h": "h(?:ours?|rs?)?",
    "m": "m(?:in(?:ute)?s?)?",
    "s": "s(?:ec(?:ond)?s?)?",
}
_PART = re.compile(
    r"\s*(\d{1,9})\s*(?:"
    + "|".join(f"(?P<{unit}>{unit}(?![a-z])|{name})" for unit, name in _NAMES.items())
    + r")(?![a-z])",
    re.IGNORECASE,
)
MAX_SECONDS = 10 * 366 * 86_400


def parse_duration(text: str) -> int:
    """
    The seconds that *text* stands for: ``90s``, ``15m``, ``1h30m``, ``2d``, ``1w``.

    Raises BadInput that names the part which is not a valid duration.
    """
    rest, seconds = text.strip(), 0
    if not rest:
        raise BadInput("a duration is missing - write it as 90s, 15m, 1h30m or 2d")
    while rest:
        found = _PART.match(rest)
        if found is None:
            raise BadInput(
                f"{rest[:40]!r} is not a valid duration (in {text[:80]!r}) - write it as "
                "90s, 15m, 1h30m, 2d"
            )
        seconds += int(found[1]) * _UNITS[str(found.lastgroup)]
        rest = rest[found.end() :].strip()
    if not 1 <= seconds <= MAX_SECONDS:
        raise BadInput(
            f"{text[:80]!r} is too {'long' if seconds else 'short'} - use from 1 second to 10 years"
        )
    return seconds


def show_duration(seconds: int) -> str:
    """*seconds* in the form that :func:`parse_duration` reads: ``1h30m``."""
    parts = []
    for unit, size in _UNITS.items():
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
