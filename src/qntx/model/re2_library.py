"""
RE2, by whichever of its two bindings is installed.

google-re2 (Google's own) has no wheels for Python 3.15, and pyre2 has. Both are imported as
``re2``. pyre2 rewrites patterns for people who come from `re`; what it would change is written
here in a way that it leaves alone, so that a pattern means the same with both.
"""

from __future__ import annotations

import re
import string
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

#: What RE2 may use for one pattern: beyond, a pattern is refused, or matched more slowly.
PATTERN_MEMORY_BYTES = 2 << 20

#: Whether UTF-8 holds a match.
Search = Callable[[bytes], bool]

_ATOM = re.compile(
    r"""
    \\Q (?P<quoted>.*?) (?:\\E|\Z)
  | \\x (?:\{(?P<hex>[0-9A-Fa-f]+)\} | (?P<hex2>[0-9A-Fa-f]{2}))
  | \\ (?P<octal>0[0-7]{0,2} | [1-7][0-7]{1,2})
  | \\ (?P<wrong>[0-9xZ])
  | \\ (?P<nothing>\Z)
  | \\ .
  | (?P<named>\(\?<(?=[A-Za-z_0-9]))
  | (?P<class_>\[)
  | .
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_CLASS = re.compile(
    r"""
    \\x (?:\{(?P<hex>[0-9A-Fa-f]+)\} | (?P<hex2>[0-9A-Fa-f]{2}))
  | \\ (?P<octal>0[0-7]{0,2} | [1-7][0-7]{1,2})
  | \\ (?P<wrong>[0-9xZbB])
  | \[:[^\]]*?:\]
  | (?P<bracket>\[)
  | \\ .
  | [^\\]
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS_START = re.compile(r"\[(\^?)(\]?)")
_no_fallback = threading.Lock()


def compiled_search(text: str, case: bool) -> Search:
    """
    A function that looks for a match of the pattern *text*; ASCII classes, UTF-8.

    Raises ValueError with RE2's reason for a pattern that it refuses, and where no binding is
    installed.
    """
    try:
        import re2
    except ImportError:
        raise ValueError(
            "patterns need google-re2 or pyre2, and neither is installed - install one of them, "
            "or look for text that is no pattern"
        ) from None
    return _by_google(re2, text, case) if hasattr(re2, "Options") else by_pyre2(re2, text, case)


def _by_google(re2: ModuleType, text: str, case: bool) -> Search:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    options.case_sensitive = case
    options.never_capture = True
    try:
        search = re2.compile(text, options).search
    except re2.error as error:
        reason = error.args[0]
        if isinstance(reason, bytes):
            reason = reason.decode("utf-8", "replace")
        raise ValueError(reason) from None
    return lambda data: search(data) is not None


def by_pyre2(re2: ModuleType, text: str, case: bool) -> Search:
    """As `compiled_search`, by pyre2, which is *re2*."""
    pattern = "".join(_verbatim(text))
    flags = re2.ASCII | (0 if case else re2.IGNORECASE)
    with _no_fallback:
        # Else it would take `re` for what RE2 refuses, and a pattern could run for hours.
        re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)
        try:
            contains = re2.compile(pattern, flags, PATTERN_MEMORY_BYTES).contains
        except re2.error as error:
            raise ValueError(str(error)) from None
        finally:
            re2.set_fallback_notification(re2.FALLBACK_QUIETLY)
    return lambda data: bool(contains(data.decode()))


def _verbatim(text: str) -> Iterator[str]:
    """The parts of a pattern in RE2's syntax, written such that pyre2 leaves them as they are."""
    at = 0
    while at < len(text):
        atom = _ATOM.match(text, at)
        assert atom is not None, "any character is an atom"
        at = atom.end()
        if atom["class_"]:
            part, at = _class(text, atom.start())
            yield part
        elif atom["quoted"] is not None:
            yield from map(_literal, atom["quoted"])
        elif atom["nothing"] is not None:
            raise ValueError("trailing \\")
        elif atom["named"]:
            yield "(?P<"
        else:
            yield _character(atom)


def _class(text: str, start: int) -> tuple[str, int]:
    """The class that begins at *start*, and where it ends."""
    head = _CLASS_START.match(text, start)
    assert head is not None, "called at a bracket"
    parts = ["[", head[1], "\\]" if head[2] else ""]
    at = head.end()
    while at < len(text) and text[at] != "]":
        item = _IN_CLASS.match(text, at)
        if item is None:
            break
        at = item.end()
        parts.append("\\[" if item["bracket"] else _character(item))
    if not text.startswith("]", at):
        raise ValueError(f"missing ]: {text[start:]}")
    return "".join([*parts, "]"]), at + 1


def _character(atom: re.Match[str]) -> str:
    """The *atom*, or the character that it names by number: pyre2 takes some for references."""
    if atom["wrong"]:
        raise ValueError(f"invalid escape sequence: {atom[0]}")
    number = atom["hex"] or atom["hex2"]
    if number is None and atom["octal"] is None:
        return atom[0]
    code = int(number, 16) if number else int(atom["octal"], 8)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError(f"invalid escape sequence: {atom[0]}")
    return _literal(chr(code))


def _literal(char: str) -> str:
    return "\\" + char if char in string.punctuation else char
