"""Degrees and vocational qualifications that are asked for."""

from __future__ import annotations

import re

import msgspec

from qntx_recruiting.extraction.phrases import family, pattern

#: From low to high; a degree is met by every later one.
DEGREES = ("vocational", "bachelor", "master", "doctorate")
_FIELD = re.compile(
    r"\b(?:in|der|des|im bereich|of|mit schwerpunkt|als|as an?)\s+"
    r"(?P<field>(?:an? )?[\w(][\w&/,\- ÄÖÜäöüß()]{2,70}?)"
    r"(?=\s+(?:or|oder|and (?:at|a |several)|with|mit|plus|und (?:mehr|einschl))\b|[.;]|$"
    r"|,\s(?:or|oder))",
    re.IGNORECASE,
)


class DegreeMention(msgspec.Struct, frozen=True):
    """
    A degree asked for; *equivalent* when experience may stand in for it.

    It is named at *start*, and its subject ends at *field_end*.
    """

    level: str
    field: str
    equivalent: bool
    start: int
    field_end: int


def find_degree(text: str) -> DegreeMention | None:
    """The lowest degree that *text* accepts, or None when it names none."""
    hits = [
        (level, match) for level, wording in family("degree ") if (match := wording.search(text))
    ]
    if not hits:
        return None
    level, match = hits[0]
    start = min(hit.start() for _, hit in hits)
    # "Ausbildung oder Studium" accepts the lower one, "Bachelor's or Master's degree" too.
    field = _FIELD.search(text, match.start())
    return DegreeMention(
        level,
        field["field"].strip(" ,") if field else "",
        pattern("equivalent").search(text) is not None,
        start,
        field.end() if field else match.end(),
    )
