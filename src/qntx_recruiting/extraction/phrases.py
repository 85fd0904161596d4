"""The lists of phrases behind the built-in extractor, as compiled patterns."""

from __future__ import annotations

import functools
import re
from importlib.resources import files


@functools.cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    text = (files("qntx_recruiting.extraction") / "phrases.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]") and line[1:2].islower():
            lists[line[1:-1]] = []
        elif line and not line.startswith("#"):
            lists[list(lists)[-1]].append(line)
    return lists


def alternation(name: str) -> str:
    """The phrases of the list *name* as one regular expression, without a group around it."""
    return "|".join(_regex(phrase) for phrase in _lists()[name])


@functools.cache
def pattern(name: str) -> re.Pattern[str]:
    """A pattern that finds any phrase of the list *name*, in any case."""
    return re.compile(alternation(name), re.IGNORECASE)


def family(prefix: str) -> list[tuple[str, re.Pattern[str]]]:
    """The lists whose names begin with *prefix*, in the order of the file: (rest, pattern)."""
    return [(name[len(prefix) :], pattern(name)) for name in _lists() if name.startswith(prefix)]


def _regex(phrase: str) -> str:
    before = "" if phrase.startswith(("*", "^")) else r"\b"
    after = "" if phrase.endswith(("*", "$", r"\.", r"\)")) else r"\b"
    return before + phrase.removeprefix("*").removesuffix("*") + after
