"""Tell what must be brought from what would be nice, by section and by wording."""

from __future__ import annotations

import re

from qntx_recruiting.extraction.phrases import alternation, pattern
from qntx_recruiting.extraction.structure import Statement
from qntx_recruiting.model.recruiting import Importance

_ASKING_ALWAYS = frozenset({"must", "nice"})
# Elsewhere a statement asks only if it is worded so; tasks and the company's own story do not ask
# unless the whole advertisement is prose.
_ASKING_BY_WORDING = frozenset({"head", "other"})
_ASKING_IN_PROSE = _ASKING_BY_WORDING | {"tasks", "about"}
_TRAILING = re.compile(
    r"(?:\b(?:is|are|as|would be|considered|counts as|wäre|ist|sind|wären)\s+(?:\w+\s+){0,2}?)?"
    rf"(?:an?\s+)?(?:{alternation('wish after')})",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:not|n't|no|nicht|kein\w*|keine\w*)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_BOUNDARY = re.compile(r"[;(]|\s[–—-]\s|,\s(?:but|aber|and|und)\s")
_CLOSING = re.compile(r"[;)]|\s[–—]\s")


class Judgement:
    """
    How much the parts of one statement count; parts are named by offsets in ``statement.text``.

    *prose_asks* is set for advertisements without any section of requirements.
    """

    def __init__(self, statement: Statement, *, prose_asks: bool = False) -> None:
        self._statement = statement
        self._nice = _nice_spans(statement.text)
        asking = _ASKING_IN_PROSE if prose_asks else _ASKING_BY_WORDING
        self._asks = statement.section in _ASKING_ALWAYS or (
            statement.section in asking and pattern("asking").search(statement.text) is not None
        )

    def importance(self, start: int) -> Importance | None:
        """Whether what stands at *start* is a must or nice to have; None when it is not asked."""
        if not self._asks:
            return None
        wished = any(begin <= start < end for begin, end in self._nice)
        return "nice" if wished or self._statement.section == "nice" else "must"

    def strong(self, start: int) -> bool:
        """Whether the wording around *start* leaves no choice: "must", "at least", "zwingend"."""
        text = self._statement.text
        begin = text.rfind(";", 0, start) + 1
        end = text.find(";", start)
        match = pattern("strong").search(text, begin, end if end >= 0 else len(text))
        return match is not None and not _NEGATED.search(text, begin, match.start())


def _nice_spans(text: str) -> list[tuple[int, int]]:
    spans = []
    for match in pattern("wish before").finditer(text):
        closing = _CLOSING.search(text, match.end())
        spans.append((match.start(), closing.start() if closing else len(text)))
    for match in _TRAILING.finditer(text):
        spans.append((_scope_start(text, match.start()), match.end()))
    return spans


def _scope_start(text: str, end: int) -> int:
    """Where the half-sentence before *end* begins."""
    start = 0
    for boundary in _BOUNDARY.finditer(text, 0, end):
        start = boundary.end()
    comma = text.rfind(",", start, end)
    last = text[comma + 1 : end].split() if comma >= 0 else []
    # "Python and SQL, Rust is a plus": a single name behind the comma stands alone.
    if 0 < len(last) <= 2 and not {"or", "and", "oder", "und"} & set(last):
        return comma + 1
    return start
