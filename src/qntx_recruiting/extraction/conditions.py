"""Where, how and on what terms the work is done: place, remote or not, contract, seniority."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files

from qntx_recruiting.extraction.phrases import alternation, family, pattern
from qntx_recruiting.extraction.structure import Statement
from qntx_recruiting.model.recruiting import Fact, Quote

_PLACE_LINE = re.compile(
    r"^\W*(?:location|place of work|office|based in|where|standort|arbeitsort|einsatzort|dienstort"
    r"|ort)s?\s*:\s*(?P<place>[^|·•;\n]{2,80})",
    re.IGNORECASE,
)
_NAME = r"[A-ZÄÖÜ][\wäöüßéèáó'.\-]+"
_PLACE = re.compile(
    rf"(?i:{alternation('place')})\s+"
    rf"(?P<place>{_NAME}(?:(?:,\s|\s(?:am|an der|im|upon|on|de|la)\s|\s){_NAME}){{0,3}})"
)
_REMOTE_ONLY = re.compile(r"^(?:fully |100 ?% )?remote\b", re.IGNORECASE)


def find_seniority(title: str, title_start: int, statements: Iterable[Statement]) -> Fact | None:
    """The level of the position, as its title says it, or else an invitation to beginners."""
    for level, wording in family("seniority "):
        if match := wording.search(title):
            return Fact(
                level, Quote(match[0], title_start + match.start(), title_start + match.end())
            )
    for statement in statements:
        if statement.section in ("must", "head") and pattern("beginners").search(statement.text):
            return Fact("junior", statement.quote())
    return None


def find_employment(statements: Iterable[Statement]) -> Iterator[Fact]:
    """The kinds of contract and hours on offer, each once."""
    seen: set[str] = set()
    for statement in statements:
        if statement.section in ("tasks", "process"):
            continue
        for name, wording in family("employment "):
            if name not in seen and wording.search(statement.text):
                seen.add(name)
                yield Fact(name, statement.quote())


def find_work_mode(statements: list[Statement]) -> Fact | None:
    """Whether the work is remote, hybrid or on-site, by the most definite wording."""
    for mode, wording in family("work mode "):
        for statement in statements:
            if not (
                statement.bullet and statement.section in ("tasks", "must", "nice")
            ) and wording.search(statement.text):
                return Fact(mode.removesuffix(", definite"), statement.quote())
    return None


def find_locations(statements: list[Statement]) -> Iterator[Fact]:
    """The places of work: from a line that names them, else from the prose and the head."""
    for statement in statements:
        if match := _PLACE_LINE.match(statement.text):
            place = match["place"].split(" (")[0].strip(" .,")
            if place and not _REMOTE_ONLY.match(place):
                yield Fact(place, statement.quote_of(match.start("place"), match.end("place")))
                return
    for statement in statements:
        if statement.section in ("location", "head") and (
            match := _cities().search(statement.text)
        ):
            yield Fact(match[0], statement.quote_of(match.start(), match.end()))
            return
    for statement in statements:
        if statement.section in ("about", "head", "benefits", "other", "location", "tasks") and (
            match := _PLACE.search(statement.text)
        ):
            yield Fact(
                match["place"].strip(" .,"),
                statement.quote_of(match.start("place"), match.end("place")),
            )
            return


@functools.cache
def _cities() -> re.Pattern[str]:
    names = (files("qntx_recruiting.extraction") / "cities.txt").read_text("utf-8").split("\n")
    longest_first = sorted((name for name in names if name), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(re.escape(name) for name in longest_first)})\b")
