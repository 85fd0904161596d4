"""The words of a filter: what they mean, and what cannot be used."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from qntx.errors import BadInput
from qntx.model.filtering import parse_filter
from qntx.model.text_match import TextMatch
from qntx.storage.sqlite.histogram import step_of


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"q": "abc[", "regex": True}, "missing ]: [ (at character 4)"),
        ({"q": "a(b", "regex": True}, "missing ): a(b (at its end, character 3)"),
        ({"q": "x" * 1_025, "regex": True}, "longer than 1,024 bytes"),
        ({"q": "(\\pL{1,999})" * 9, "regex": True}, "pattern too large"),
        ({"level": "loud"}, "'loud' is not a valid level"),
        ({"source": "stdout,nowhere"}, "'nowhere' is not a valid source"),
        ({"since": "yesterday"}, "since: 'yesterday' is not a valid time"),
        ({"until": "2026-01-01T00:00:00"}, "until: '2026-01-01T00:00:00' is not a valid time"),
    ],
)
def test_what_cannot_be_used_is_named(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=re.escape(sentence)):
        parse_filter(**words)


def test_a_plus_that_was_not_encoded_is_a_zone() -> None:
    plain = parse_filter(since="2026-01-01T01:00:00+01:00")
    assert plain == parse_filter(since="2026-01-01T01:00:00 01:00")
    assert plain == parse_filter(since="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("abc[0-9]+def", ["abc", "def"]),
        ("a{0,3}bcd", ["bcd"]),
        ("abc|def", []),
        ("er*or.*(x|y)z{2}t", ["e", "or", "z", "t"]),
        (r"\d+ms\.ok", ["ms.ok"]),
        ("(?i)abc", []),
        ("[]a]bcd", ["bcd"]),
        ("[[:alpha:]]xyz+q", ["xyz", "q"]),
        (r"a \[7\]", ["a [7]"]),
        ("a{,5}b", []),
        ("(a(b|c)d)ef", ["ef"]),
        ("x?yz", ["yz"]),
        (r"\Q(\E)ab", []),
        (r"(?:a|b)cd", ["cd"]),
        (r"\x41bc\pNde\x{41}f", ["bc", "de", "f"]),
        ("éa Ab", ["a ab"]),
        ("日本", ["日本"]),
        ("\u212aa", ["a"]),
    ],
)
def test_what_a_pattern_cannot_do_without(pattern: str, pieces: list[str]) -> None:
    assert TextMatch(pattern, regex=True).pieces() == [piece.encode() for piece in pieces]


def test_buckets_are_of_a_round_length_and_few_enough() -> None:
    rand = random.Random(3)
    for _ in range(5_000):
        first = rand.randrange(2_000_000_000_000_000)
        last = first + rand.randrange(10 ** rand.randrange(1, 17))
        most = rand.randrange(1, 301)
        step = step_of(first, last, most)
        assert last // step - first // step < most, (first, last, most)
        finer = step_of(first, last, 300)
        assert finer <= step
    assert step_of(0, 59_999_999, 60) == 1_000_000
    assert step_of(0, 60_000_000, 60) == 2_000_000
    assert step_of(7, 7, 1) == 1
