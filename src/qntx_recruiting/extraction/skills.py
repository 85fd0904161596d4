"""The gazetteer of skills and how it is matched: longest name first, whole words only."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from importlib.resources import files

import msgspec
from daachorse import CharwiseDoubleArrayAhoCorasick

from qntx_recruiting.errors import ExtractionError

# "C", "R" and "Go" are letters and words before they are languages: what follows tells.
_NOT_AFTER_LETTER = re.compile(r"[-/]?(?:level|suite|&|Level)|[-'’.][A-Za-z]|\d|\s?&\s?D")
_VERB_GO = re.compile(r"\s+(?:to|the|live|beyond|above|ahead|into|on|and\s+see)\b")
_WORD = re.compile(r"[\w#+]")


class Skill(msgspec.Struct, frozen=True):
    """A skill under its one canonical *name*; *implies* names what its owner also knows."""

    name: str
    category: str
    implies: tuple[str, ...] = ()


class SkillMention(msgspec.Struct, frozen=True):
    """Where a skill is named in a text (character offsets)."""

    skill: Skill
    start: int
    end: int


class Gazetteer:
    """All known skills and their spellings."""

    def __init__(self, text: str) -> None:
        self._skills: dict[str, Skill] = {}
        # Lower-case spelling -> (skill, the only spelling that counts or "" for any case).
        self._spellings: dict[str, list[tuple[Skill, str]]] = {}
        for category, line in _lines(text):
            self._add_line(category, line)
        for skill in self._skills.values():
            for implied in skill.implies:
                if implied not in self._skills:
                    raise ExtractionError(
                        f"{skill.name!r} implies {implied!r}, which is not a known skill"
                    )
        self._patterns = list(self._spellings)
        self._automaton = CharwiseDoubleArrayAhoCorasick(self._patterns)

    def __len__(self) -> int:
        return len(self._skills)

    def skills(self) -> list[Skill]:
        """All skills, in the order of the data file."""
        return list(self._skills.values())

    def lookup(self, name: str) -> Skill | None:
        """The skill that is written *name* (any spelling, any case), if it is known."""
        found = self._spellings.get(_lower(" ".join(name.split())))
        return found[0][0] if found else None

    def implied(self, skill: Skill) -> set[str]:
        """The names of everything that knowing *skill* implies, directly or by steps."""
        names: set[str] = set()
        pending = list(skill.implies)
        while pending:
            name = pending.pop()
            if name not in names:
                names.add(name)
                pending.extend(self._skills[name].implies)
        return names

    def find(self, text: str) -> list[SkillMention]:
        """All mentions in *text*, from left to right, never overlapping; the longest one wins."""
        lowered = _lower(text)
        hits = [
            SkillMention(skill, start, end)
            for start, end, number in self._automaton.find_overlapping(lowered)
            for skill, only in self._spellings[self._patterns[number]]
            if (not only or text[start:end] == only) and _is_whole(text, start, end)
        ]
        hits.sort(key=lambda hit: (hit.start, -hit.end))
        mentions: list[SkillMention] = []
        for hit in hits:
            if not mentions or hit.start >= mentions[-1].end:
                mentions.append(hit)
        return mentions

    def _add_line(self, category: str, line: str) -> None:
        names, _, implied = line.partition(" > ")
        implies = tuple(_split(implied, ";"))
        for group in _split(names, "|"):
            spellings = _split(group, ";")
            skill = Skill(spellings[0].removeprefix("="), category, implies)
            if skill.name in self._skills:
                raise ExtractionError(f"the skill {skill.name!r} is listed twice")
            self._skills[skill.name] = skill
            for spelling in spellings:
                name = spelling.removeprefix("=")
                only = name if spelling.startswith("=") else ""
                self._spellings.setdefault(_lower(name), []).append((skill, only))


@functools.cache
def gazetteer() -> Gazetteer:
    """The gazetteer that ships with qntx."""
    return Gazetteer((files("qntx_recruiting.extraction") / "skills.txt").read_text("utf-8"))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    category = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            category = line[1:-1]
        elif line.strip() and not line.startswith("#"):
            yield category, line


def _split(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _lower(text: str) -> str:
    # Offsets must stay: a few letters (İ) have a lower case of two characters and are left alone.
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _is_whole(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    if (before and (_WORD.match(before) or before in "&")) or (after and _WORD.match(after)):
        return False
    if before in (".", "@") and start >= 2 and text[start - 2].isalnum():
        return False
    if end - start == 1:
        return not _NOT_AFTER_LETTER.match(text, end) and before not in ("-", "'", "’", "/")
    if text[start:end] == "Go":
        return not _VERB_GO.match(text, end) and before != "-" and after != "-"
    return True
