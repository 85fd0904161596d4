"""Human languages that are asked for, with their level on the CEFR scale."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from qntx_recruiting.extraction.phrases import alternation, family, pattern

#: From low to high; a level is met by every later one.
LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2", "native")
_NAMES = {
    "English": "english|englisch",
    "German": "german|deutsch",
    "French": "french|französisch",
    "Spanish": "spanish|spanisch",
    "Italian": "italian|italienisch",
    "Portuguese": "portuguese|portugiesisch",
    "Dutch": "dutch|niederländisch|holländisch",
    "Polish": "polish|polnisch",
    "Czech": "czech|tschechisch",
    "Swedish": "swedish|schwedisch",
    "Danish": "danish|dänisch",
    "Norwegian": "norwegian|norwegisch",
    "Finnish": "finnish|finnisch",
    "Russian": "russian|russisch",
    "Ukrainian": "ukrainian|ukrainisch",
    "Turkish": "turkish|türkisch",
    "Arabic": "arabic|arabisch",
    "Chinese": "chinese|mandarin|chinesisch",
    "Japanese": "japanese|japanisch",
    "Korean": "korean|koreanisch",
    "Hindi": "hindi",
    "Romanian": "romanian|rumänisch",
    "Hungarian": "hungarian|ungarisch",
    "Greek": "greek|griechisch",
    "Welsh": "welsh|walisisch",
}
_NAME = re.compile(
    r"\b(?:" + "|".join(f"(?P<L{i}>{names})" for i, names in enumerate(_NAMES.values())) + r")"
    r"(?P<compound>kenntnisse\w*|sprachkenntnisse\w*|-kenntnisse\w*|sprachig\w*)?(?:e[nmrs]?)?\b",
    re.IGNORECASE,
)
_LEVEL_WORDS = family("level ")
_ADJECTIVE = re.compile(rf"\s*(?:{alternation('language adjective')})", re.IGNORECASE)
_OWN = re.compile(
    r"\s*(?:\(|:|–|-|at|level|auf|mindestens|[a-zäöü]+skills)?\s*\(?([^();,]{1,40})", re.IGNORECASE
)
_NEXT = re.compile(r"[;,(]|\band\b|\bund\b|\bsowie\b|\bas well as\b", re.IGNORECASE)


class LanguageMention(msgspec.Struct, frozen=True):
    """A language asked for in a statement; *level* is None where none is said."""

    name: str
    level: str | None
    start: int
    end: int


def find_languages(text: str) -> Iterator[LanguageMention]:
    """The languages in *text*, if it speaks of knowing them and not of a market or a country."""
    matches = list(_NAME.finditer(text))
    if not matches or not (
        pattern("language skill").search(text) or any(m["compound"] for m in matches)
    ):
        return
    names = list(_NAMES)
    shared = _level(text)
    seen: set[str] = set()
    for index, match in enumerate(matches):
        name = next(names[i] for i in range(len(names)) if match[f"L{i}"])
        # "German market", "deutsche Kunden": an adjective, not a language.
        if name in seen or _ADJECTIVE.match(text, match.end()):
            continue
        seen.add(name)
        left = matches[index - 1].end() if index else 0
        right = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        yield LanguageMention(
            name, _own_level(text, match, left, right) or shared, match.start(), match.end()
        )


def _own_level(text: str, match: re.Match[str], left: int, right: int) -> str | None:
    """The level in the words next to the language, which end where the next one is spoken of."""
    # "German (C1) and English (B2)": what stands in brackets behind it is its own.
    bracket = _OWN.match(text[match.end() : right])
    after = _level(bracket[1]) if bracket else None
    cut = max((m.end() for m in _NEXT.finditer(text, left, match.start())), default=left)
    before = _level(text[cut : match.start()])
    explicit = re.search(r"\b[ABC][12]\b", text[match.end() : right])
    if explicit:
        return explicit[0]
    return before or after


def _level(text: str) -> str | None:
    for level, wording in _LEVEL_WORDS:
        if wording.search(text):
            return level
    return None
