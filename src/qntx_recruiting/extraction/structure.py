"""Cut a job description into sections by its headings, and sections into statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from qntx_recruiting.extraction.phrases import family
from qntx_recruiting.model.recruiting import Quote

SectionKind = Literal[
    "head", "about", "tasks", "must", "nice", "benefits", "salary", "location", "process", "other"
]

# "What would be nice to have" must not count as a must, so the wishes are looked for first.
_HEADING_ORDER: tuple[SectionKind, ...] = (
    "nice",
    "must",
    "tasks",
    "salary",
    "benefits",
    "location",
    "process",
    "about",
)
_HEADINGS = dict(family("heading "))
_MAX_HEADING_CHARS = 80
#: No sentence is this long; it bounds what a hostile text can cost.
MAX_STATEMENT_CHARS = 2_000
_KNOWN_INLINE = re.compile(r"(?P<name>[^:\n]{3,40}):\s+(?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]?\s+(?=[A-ZÄÖÜ0-9\"“(])")
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|incl|approx|ca|vs|bzw|z\.\s?b|d\.\s?h|u\.\s?a|ggf|inkl|evtl|sog|dr|mr|ms|st"
    r"|no|nr|min|max|b\.?sc|m\.?sc|inc|ltd|co)\.$",
    re.IGNORECASE,
)


class Section(msgspec.Struct, frozen=True):
    """A run of text under one heading (empty for the first); offsets of the body."""

    kind: SectionKind
    heading: str
    start: int
    end: int


class Statement(msgspec.Struct, frozen=True):
    """One sentence or bullet: ``text == document[start:start + len(text)]``."""

    section: SectionKind
    text: str
    start: int
    bullet: bool = False

    def quote(self) -> Quote:
        """The statement as the quote of what was read from it."""
        return Quote(self.text, self.start, self.start + len(self.text))

    def quote_of(self, start: int, end: int) -> Quote:
        """The part ``[start:end]`` of the statement as a quote."""
        return Quote(self.text[start:end], self.start + start, self.start + end)


def sections(text: str) -> list[Section]:
    """The sections of *text* in normal form, in order, gapless but for the headings."""
    found: list[Section] = []
    kind: SectionKind = "head"
    heading, start = "", 0
    previous_blank = title_seen = False
    for line_start, line in _lines(text):
        name = _heading_text(line, previous_blank)
        previous_blank = not line.strip()
        if not title_seen and line.strip() and not line.rstrip().endswith(":"):
            title_seen = True  # the first line is the title, whatever words it is made of
            continue
        if name is None:
            continue
        next_kind = _kind_of(name)
        if next_kind == "other" and not line.startswith("#"):
            continue
        found.append(Section(kind, heading, start, line_start))
        kind, heading, start = next_kind, name, line_start + len(line)
    found.append(Section(kind, heading, start, len(text)))
    return [section for section in found if text[section.start : section.end].strip()]


def statements(text: str, section: Section) -> Iterator[Statement]:
    """The sentences and bullets of *section*."""
    for line_start, line in _lines(text[: section.end], section.start):
        bullet = line.startswith("- ")
        offset = 2 if bullet else 0
        for begin, end in _sentences(line, offset):
            kind = section.kind
            inline = _KNOWN_INLINE.match(line, begin)
            if inline and inline.end() < end:
                named = _kind_of(inline["name"].strip(), inline=True)
                kind = named if named in ("must", "nice", "salary", "location") else kind
            yield Statement(kind, line[begin:end], line_start + begin, bullet)


def _lines(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if end > start:
            yield start, text[start:end]
        else:
            yield start, ""
        start = end + 1


def _heading_text(line: str, after_blank: bool) -> str | None:
    """The heading that *line* is, or None when it is no heading."""
    stripped = line.strip()
    name = stripped.lstrip("#").strip().rstrip(":").strip()
    if not name or len(name) > _MAX_HEADING_CHARS or stripped.startswith("- "):
        return None
    if stripped.startswith("#") or (stripped.endswith(":") and len(name.split()) <= 9):
        return name
    if name[-1] in ".,;!" or ": " in name or not after_blank:
        return None
    return name if len(name.split()) <= 7 else None


def _kind_of(heading: str, *, inline: bool = False) -> SectionKind:
    if inline and len(heading.split()) > 4:
        return "other"
    for kind in _HEADING_ORDER:
        if _HEADINGS[kind].search(heading):
            return kind
    return "other"


def _sentences(line: str, offset: int) -> Iterator[tuple[int, int]]:
    begin = offset
    for match in _SENTENCE_END.finditer(line, offset):
        if _ABBREVIATION.search(line, max(begin, match.start() - 12), match.start()):
            continue
        yield from _bounded(line, begin, match.start())
        begin = match.end()
    if line[begin:].strip():
        yield from _bounded(line, begin, len(line))


def _bounded(line: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The span in pieces of at most MAX_STATEMENT_CHARS, cut at spaces where there are any."""
    while end - begin > MAX_STATEMENT_CHARS:
        space = line.rfind(" ", begin + 1, begin + MAX_STATEMENT_CHARS)
        cut = space if space > begin else begin + MAX_STATEMENT_CHARS
        yield begin, cut
        begin = cut + (space > begin)
    if line[begin:end].strip():
        yield begin, end
