"""Years of experience: find them, and tell what they are years of."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from qntx_recruiting.extraction.phrases import alternation, pattern

_WORDS = {
    word: number
    for number, words in {
        1: "one ein eine einem",
        2: "two zwei",
        3: "three drei",
        4: "four vier",
        5: "five fünf",
        6: "six sechs",
        7: "seven sieben",
        8: "eight acht",
        10: "ten zehn",
    }.items()
    for word in words.split()
}
_NUMBER = r"\d{1,2}(?:[.,]5)?|" + "|".join(sorted(_WORDS, key=len, reverse=True))
_YEARS = re.compile(
    rf"(?<![\w.,€$£])(?P<low>{_NUMBER})\s*(?:\+|plus\b|or more|oder mehr)?"
    rf"(?:\s*(?:-|–|—|to|bis)\s*(?P<high>{_NUMBER}))?\s*\+?\s*(?:or more\s+|oder mehr\s+)?"
    r"(?:years?|yrs?\.?|jahren?|jährige[rn]?)(?:['’]s?)?\b"
    r"|(?<![\w.,])(?P<german>\d{1,2})-?jährige[rn]?\b",
    re.IGNORECASE,
)
_END_OF_CLAUSE = re.compile(
    r"[;()]|,\s|\b(?:including|of which|davon|and (?:a |solid |strong |good )"
    r"|und (?:gute|sehr|fundierte))"
)
# "founded 12 years ago", "over the last 3 years": no one is asked for these.
_PASSED = re.compile(rf"\s*(?:{alternation('years passed')})", re.IGNORECASE)
_OF_COMPANY = re.compile(rf"(?:{alternation('years of the company')})\s+$", re.IGNORECASE)


class YearsMention(msgspec.Struct, frozen=True):
    """
    A number of years in a statement.

    *start* and *end* delimit the number, *scope_end* how far to the right it reaches; *years* is
    the minimum. *follows* is true for ``Python (3+ years)``: it belongs to what stands before.
    """

    years: float
    start: int
    end: int
    scope_end: int
    is_experience: bool
    follows: bool


def find_years(text: str) -> Iterator[YearsMention]:
    """All numbers of years in *text* that could be asked of a person."""
    matches = list(_YEARS.finditer(text))
    for index, match in enumerate(matches):
        if _PASSED.match(text, match.end()) or _OF_COMPANY.search(text, 0, match.start()):
            continue
        years = _number(match["low"] or match["german"])
        if not 0 < years <= 30:
            continue
        limit = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        stop = _END_OF_CLAUSE.search(text, match.end(), limit)
        scope_end = stop.start() if stop else limit
        before = text[: match.start()].rstrip()
        yield YearsMention(
            years,
            match.start(),
            match.end(),
            scope_end,
            pattern("experience").search(text, match.start(), scope_end) is not None,
            before.endswith(("(", ":", "–", ", min.", "(min.")),
        )


def _number(text: str) -> float:
    return float(_WORDS.get(text.lower()) or text.replace(",", "."))
