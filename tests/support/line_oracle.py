"""Random lines, filters and needles, and what fits by looking at every line with Python's means."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec
from hypothesis import strategies as st

from qntx.clock import iso
from qntx.model.log import LEVEL_NAMES, level_name
from qntx.model.text_match import TextMatch
from qntx.model.views import Histogram
from tests.support.log_rows import Said

#: Letters that test folding, a NUL, what LIKE and GLOB and patterns take for more than text.
ALPHABET = "abkAKsS01%_*.ä\x00Ä日ς\n"
LOGGERS = (None, "a", "a.b", "a.bc", "a.b.c", "A.b")
PATTERNS = ("a.?b", "[kK]s", "^a", "b$", "a+0", "k|日", "(?i:Ä)s", "\\d", "a{2}", "(a|b)0*1", "s")

words = st.text(ALPHABET, max_size=6)
messages = st.one_of(
    words.map(str.encode),
    st.tuples(words, st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"]), words).map(
        lambda three: three[0].encode() + three[1] + three[2].encode()
    ),
)
lines = st.builds(
    Said,
    message=messages,
    level=st.sampled_from([5, 10, 20, 25, 30, 40, 50]),
    stage=st.sampled_from([None, "s", "t"]),
    task=st.sampled_from([None, "s", "x"]),
    source=st.sampled_from(["emitter", "logging", "stdout"]),
    logger=st.sampled_from(LOGGERS),
    at_us=st.integers(0, 4),
    metadata=st.just(b""),
    marks=st.just(0),
)
#: Some lines: few, or as many as it takes for a filter to choose between them.
logs = st.lists(lines, max_size=3) | st.lists(lines, min_size=9, max_size=14)
_WORDS: dict[str, st.SearchStrategy[Any]] = {
    "min_level": st.sampled_from([20, 25, 30]),
    "levels": st.sampled_from([("debug",), ("info", "error"), ()]),
    "stage_only": st.just(True),
    "sources": st.sampled_from([("emitter",), ("logging", "stdout")]),
    "logger": st.sampled_from(["a", "a.b", "a.", "A"]),
    "stage": st.sampled_from(["", "s"]),
    "task_id": st.sampled_from(["s", "x"]),
    "since_us": st.integers(0, 4),
    "until_us": st.integers(0, 4),
}
#: Few words at a time: of all at once, hardly a line would be left.
filters = (
    st.lists(st.sampled_from(list(_WORDS)), max_size=3, unique=True)
    .filter(lambda names: not {"min_level", "levels"} <= set(names))
    .flatmap(lambda names: st.fixed_dictionaries({name: _WORDS[name] for name in names}))
)
needles = st.one_of(
    st.builds(TextMatch, words.filter(bool), st.booleans(), st.just(False)),
    st.builds(TextMatch, st.sampled_from(PATTERNS), st.booleans(), st.just(True)),
)


def fits(said: Said, wanted: dict[str, Any]) -> bool:
    """Whether a line is wanted, but for its message."""
    logger = wanted.get("logger")
    mine = said.logger or ""
    prefix = f"{logger}".rstrip(".") + "."
    return (
        said.level >= wanted.get("min_level", -99)
        and level_name(said.level) in wanted.get("levels", LEVEL_NAMES)
        and (said.task is None or not wanted.get("stage_only"))
        and said.source in wanted.get("sources", [said.source])
        and (logger is None or mine == logger or mine.startswith(prefix))
        and ("stage" not in wanted or (said.stage or "") == wanted["stage"])
        and (
            "task_id" not in wanted
            or said.task == wanted["task_id"]
            or (said.task is None and said.stage == wanted["task_id"])
        )
        and wanted.get("since_us", 0) <= said.at_us < wanted.get("until_us", 99)
    )


def holds(message: bytes, needle: TextMatch) -> bool:
    """Whether a message holds a needle: by bytes, or by Python's patterns."""
    text = message.decode("utf-8", "surrogateescape")
    if needle.regex:
        pattern = needle.text.replace("$", "\\Z")
        return re.search(pattern, text, 0 if needle.case else re.I) is not None
    if needle.case:
        return needle.text.encode() in message
    parts = [
        f"[{c.lower()}{c.upper()}]"
        if c.isascii() and c.isalpha()
        else re.escape(c)
        if c.isascii()
        else f"(?i:{c})"
        for c in needle.text
    ]
    return re.search("".join(parts), text) is not None


def check_histogram(found: Histogram, said: list[Said], most: int = 3) -> None:
    """Each line counts in the bucket of its time, by its level, and no bucket is empty."""
    step = found.step_us or 1
    expected: dict[str, Counter[str]] = {}
    for line in said:
        names = expected.setdefault(iso(line.at_us // step * step), Counter())
        names.update((level_name(line.level), "total"))
    shown = {
        b.at: {n: c for n, c in msgspec.structs.asdict(b.counts).items() if c}
        for b in found.buckets
    }
    assert shown == expected
    assert list(shown) == sorted(shown)
    assert found.total_count == len(said)
    assert len(found.buckets) <= most
