"""Text or a pattern that lines are searched for: what it matches, and what a match must hold."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from qntx.errors import BadInput
from qntx.model.re2_library import Search, compiled_search

MAX_PATTERN_BYTES = 1_024
#: Letters beyond ASCII that some pattern takes for an ASCII letter (KELVIN SIGN, LONG S).
_STRAYS = ((b"\xe2\x84\xaa", b"k"), (b"\xc5\xbf", b"s"))
_META = re.compile(r"[.^$*+?()\[\]{}|\\]")
_REPEAT = re.compile(r"[*?+]|\{(\d+)(,\d*)?\}")
_ESCAPE = re.compile(r"\\([pP]\{[^}]*\}|[pP].|x\{[^}]*\}|x..|[0-7]{1,3}|.)", re.S)
_CLASS = re.compile(r"\[\^?\]?(\[:[^\]]*:\]|\\.|[^\]\\])*\]", re.S)
#: Quoting, flags, and a repetition that RE2 takes for text.
_HARD = re.compile(r"\\Q|\(\?[^:P<]|\{,")
#: Characters that may match others: all beyond ASCII but those of scripts without case.
_CASED = re.compile(r"[^\x00-\x7f\u2e80-\ua48f\uac00-\ud7a3]+")


class TextMatch(NamedTuple):
    """
    What a message has to hold: *text* literally, or a match of it as an RE2 pattern.

    Unless *case* counts, ASCII letters match in both cases, and so do letters beyond ASCII that
    have two (by Unicode's simple folding).
    """

    text: str
    case: bool = False
    regex: bool = False

    @property
    def plain(self) -> bytes | None:
        """The bytes to look for (in lower case unless *case*); None: only a pattern can say it."""
        if self.regex or not (self.case or self.text.isascii()):
            return None
        data = _bytes(self.text)
        return data if self.case else data.lower()

    @property
    def search(self) -> Search:
        """Says whether UTF-8 holds it; raises BadInput for a pattern that RE2 does not take."""
        if self.regex:
            return compiled(self.text, self.case)
        return compiled("".join(map(_either_case, self.text)), True)

    def checked(self) -> TextMatch:
        """Itself; raises BadInput for a pattern that is too long, or that RE2 does not take."""
        if self.regex:
            if len(_bytes(self.text)) > MAX_PATTERN_BYTES:
                raise BadInput(
                    f"the pattern is longer than {MAX_PATTERN_BYTES:,} bytes - use a shorter one"
                )
            compiled(self.text, self.case)
        return self

    def pieces(self) -> list[bytes]:
        """Runs of bytes that every matching message holds, as :func:`fold` leaves them."""
        runs = _required(self.text) if self.regex else [self.text]
        if not self.case:
            runs = [piece for run in runs for piece in _CASED.split(run)]
        return [fold(_bytes(run)) for run in runs if run]

    def sure_pieces(self) -> list[bytes]:
        """Of the pieces, what every matching message holds once its ASCII is in lower case."""
        return [part for piece in self.pieces() for part in re.split(b"[ks]", piece) if part]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def fold(data: bytes) -> bytes:
    """*data* such that what any text_match may match without regard to case is the same bytes."""
    data = data.lower()
    for stray, letter in _STRAYS:
        data = data.replace(stray, letter)
    return data


@lru_cache(32)
def compiled(text: str, case: bool) -> Search:
    """*text* as an RE2 pattern; raises BadInput that says what is wrong with it, and where."""
    try:
        return compiled_search(text, case)
    except UnicodeEncodeError:
        reason = "invalid UTF-8"
    except ValueError as error:
        reason = str(error)
    raise BadInput(f"{text[:80]!r} is not a valid pattern (RE2): {_placed(reason, text)}")


def _placed(reason: str, text: str) -> str:
    """RE2's words, with the place of the part of the pattern that they name."""
    _, colon, part = reason.partition(": ")
    at = text.rfind(part) if colon and part else -1
    if at < 0 or part == text:
        return f"{reason[:200]} (at its end, character {len(text)})"
    return f"{reason[:200]} (at character {at + 1})"


def _either_case(char: str) -> str:
    if char.isascii():
        return f"[{char.lower()}{char.upper()}]" if char.isalpha() else _META.sub(r"\\\g<0>", char)
    return f"(?i:{char})"


def _required(pattern: str) -> list[str]:
    """
    Runs of characters that every match of an RE2 *pattern* holds; none where that is hard to say.

    What is in groups and classes is passed over; alternatives outside of them need nothing.
    """
    if _HARD.search(pattern):
        return []
    runs, run, at = [], "", 0
    while at < len(pattern):
        if pattern[at] == "|":
            return []
        end = _atom_end(pattern, at)
        literal = _literal(pattern[at:end])
        repeat = _REPEAT.match(pattern, end)
        if repeat is not None:
            optional = repeat[0] in "*?" or (repeat[1] is not None and int(repeat[1]) == 0)
            runs.append(run if optional else run + literal)
            run, end = "", repeat.end() + pattern.startswith("?", repeat.end())
        elif literal:
            run += literal
        else:
            runs.append(run)
            run = ""
        at = end
    return [*runs, run]


def _literal(atom: str) -> str:
    """The one character that *atom* stands for, or nothing."""
    if len(atom) == 2 and atom[0] == "\\" and atom[1].isascii() and not atom[1].isalnum():
        return atom[1]
    return atom if len(atom) == 1 and not _META.match(atom) else ""


def _atom_end(pattern: str, at: int) -> int:
    """Where the character, escape, class or group that begins *at* ends."""
    if pattern[at] in "\\[":
        found = (_ESCAPE if pattern[at] == "\\" else _CLASS).match(pattern, at)
        return found.end() if found else len(pattern)
    if pattern[at] != "(":
        return at + 1
    at += 1
    while at < len(pattern) and pattern[at] != ")":
        at = _atom_end(pattern, at)
    return at + 1
