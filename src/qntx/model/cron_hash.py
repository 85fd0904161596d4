"""``H`` in cron expressions: a value that is chosen once for each schedule, and stays."""

from __future__ import annotations

import hashlib
import re

from qntx.errors import BadInput

#: By field, seconds first: the values that H stands for (days that every month has).
_RANGES = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day-of-month": (1, 28),
    "month": (1, 12),
    "day-of-week": (0, 6),
}
_H = re.compile(r"H(?:\((\d{1,2})-(\d{1,2})\))?(?:/(\d{1,2}))?")
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)", re.DOTALL)


def split_zone(text: str) -> tuple[str, str | None]:
    """The expression and its zone: ``CRON_TZ=Europe/Berlin 0 9 * * *``; None: none is named."""
    found = _ZONE.fullmatch(text.strip())
    return (text, None) if found is None else (found[2], found[1])


def chosen(expression: str, seed: str) -> str:
    """
    *expression* with each ``H`` replaced by the value that *seed* leads to.

    ``H`` is one value of the field, ``H(0-29)`` one of these, ``H/15`` every 15th from a start of
    its own; the same seed gives the same values for ever. Raises BadInput with what does not fit.
    """
    parts = expression.split()
    if "H" not in expression or len(parts) not in (5, 6):
        return expression
    names = list(_RANGES)[-len(parts) :]
    return " ".join(
        ",".join(
            _value(item, name, seed) if item.startswith("H") else item for item in part.split(",")
        )
        for name, part in zip(names, parts, strict=True)
    )


def _value(item: str, name: str, seed: str) -> str:
    found = _H.fullmatch(item)
    low, high = _RANGES[name]
    first, last = (low, high) if found is None or found[1] is None else map(int, found.groups()[:2])
    if found is None or not low <= first <= last <= high:
        raise BadInput(
            f"{item[:40]!r} is not a valid {name} - write H, H/15 or H(a-b) with a and b "
            f"from {low} to "
            f"{high}"
        )
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest)
    if found[3] is None:
        return str(first + number % (last - first + 1))
    step = int(found[3])
    if not 0 < step <= last - first + 1:
        raise BadInput(
            f"{item!r} is not a valid {name} - the step goes from 1 to {last - first + 1}"
        )
    return f"{first + number % step}-{last}/{step}"
