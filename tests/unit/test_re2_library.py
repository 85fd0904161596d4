"""Patterns mean the same whichever binding of RE2 is installed: google-re2, or pyre2."""

from __future__ import annotations

import random
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

import pytest

from qntx.model.re2_library import Search, by_pyre2, compiled_search

ATOMS = [
    *"aAbKk1 _.^$|*+?(){},-]é日😀\u212aſ#/",
    *(rf"\{letter}" for letter in "dDwWsSbBAzZnrtvfaC.[]\\{}(-#18"),
    *(r"\x41", r"\x{e9}", r"\x{5d}", r"\x{1F600}", r"\x4", r"\x{110000}", r"\0", r"\12", r"\101"),
    *(r"\pN", r"\PL", r"\p{Greek}", r"\p{^L}", r"\p{Nothing}", r"\Q.[\E", r"\Qa", r"\E"),
    *("(?i)", "(?s:", "(?-i)", "(?U)", "(?P<n>", "(?<m>", "(?:", "(?=", "(?!", "(?x)", "\n"),
    *("{2}", "{1,3}", "{,2}", "{2,}", "{2000}", "*?", "+?", "??", "**", "[^", "["),
    *("[]a]", "[^]a]", "[a-z]", "[[:alpha:]]", "[[:alpha:]é-]", "[[:word:]\\x{e9}]", "[\\W]"),
    *("[\\b]", "[[]", "[a", "[\\]]", "[\\x{5d}]", "[[:foo:]]", "[\\101-c]", "[^\\S\\d]", "[b-a]"),
    *("[[:^space:]\\101[]", "[\\pN\\Z]", "[\\Qa\\E]", "[:alpha:]", "[a&&b]"),
]
TEXTS = [
    "",
    *("a", "A", "b", "k", "K", "\u212a", "ſ", "s", "1", "_", "-", "]", "[", "é", "É", "日", "😀"),
    *(" ", "\n", "\t", "\v", "\x00", "\x08", ".", "\\", "}", "٣", "α"),
    *("aab 11é日\nKk", "ab.[\\Ea", "x-]a{,2}", "a\u212aſs😀", "tab\there", "aaaaAAAA", "é1_ \v\f"),
]


@pytest.fixture(scope="module")
def pyre2() -> ModuleType:
    try:
        import re2 as google

        files = distribution("pyre2").files or []
    except (ImportError, PackageNotFoundError):
        pytest.skip("both bindings are needed")
    if not hasattr(google, "Options"):
        pytest.skip("google-re2 is not installed")
    path = next(str(one.locate()) for one in files if one.suffix == ".so" and "/" not in str(one))
    loader = ExtensionFileLoader("re2", path)
    spec = spec_from_loader("re2", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    assert sys.modules["re2"] is google
    return module


def outcome(search: Search) -> list[bool]:
    return [search(text.encode()) for text in TEXTS]


def compiled(module: ModuleType | None, pattern: str, case: bool) -> tuple[Search | None, str]:
    """The search by pyre2 (*module*) or by what is installed; None and why it is refused."""
    try:
        if module is None:
            return compiled_search(pattern, case), ""
        return by_pyre2(module, pattern, case), ""
    except ValueError as error:
        return None, str(error)


def test_both_bindings_find_and_refuse_the_same(pyre2: ModuleType) -> None:
    rand = random.Random(11)
    taken = 0
    for _ in range(20_000):
        pattern = "".join(rand.choices(ATOMS, k=rand.randint(1, 5)))
        case = rand.random() < 0.5
        theirs, refused = compiled(None, pattern, case)
        ours, also_refused = compiled(pyre2, pattern, case)
        assert (theirs is None) == (ours is None), (pattern, case, refused, also_refused)
        if theirs is not None and ours is not None:
            taken += 1
            assert outcome(theirs) == outcome(ours), (pattern, case)
    assert taken > 3_000
