"""Secrets are replaced by a visible marker before anything is written."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets as random_source
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from daachorse import MATCH_KIND_LEFTMOST_FIRST, CharwiseDoubleArrayAhoCorasick

from qntx.locks import holding
from qntx.recording.formats import (
    ALL_FORMATS,
    FORMAT_BY_BEGINNING,
    LONGEST_BEGINNING,
    KeyLines,
    is_secret_name,
    open_from,
    opens_key,
)
from qntx.recording.search_windows import WINDOW, searchable, windows
from qntx.recording.secret_spellings import MIN_SECRET, spellings

#: As many characters of a known secret must have come for the rest of them to be held back: with
#: fewer the last character of nearly everything would be. One less may be published in clear.
MIN_PREFIX = 3
#: How much of what was published decides about what follows it.
CONTEXT = 32

_MARKER = re.compile(r"\*\*\*\[[^\]]{1,200}:[0-9a-f]{4}\]")
#: Names whose numbers are counts (of an LLM's tokens).
_COUNTS = ("token", "tokens")

_FORMAT_NUMBERS = tuple(FORMAT_BY_BEGINNING.values())
#: What the search finds for "://"; a password in a URL has an "@" behind it.
_URL = list(FORMAT_BY_BEGINNING).index("://")

#: A secret in a text: from, to, kind.
Span = tuple[int, int, str]


class Redactor:
    """
    Finds secrets in text and replaces each by a marker such as ``***[github-token:7f3a]``.

    The four digits are the same for the same secret (keyed with a random key of this process), so
    that occurrences can be compared without knowing the secret.
    """

    def __init__(self, values: Iterable[tuple[str, str]] = ()) -> None:
        """*values*: (kind, secret), known from the start."""
        self._key = random_source.token_bytes(16)
        self._lock = threading.RLock()
        self._known: dict[str, str] = {}
        self._add(list(values))

    def register(self, secret: str, kind: str = "secret") -> bool:
        """Mask *secret* from now on, in all spellings, and its lines; returns whether it is new."""
        if searchable(secret) in self._known:
            return False
        holding(self._lock, self._add, [(kind, secret)])
        return True

    def text(self, text: str) -> str:
        """*text* with every secret replaced; the same object when there is none."""
        if _is_harmless(text, self._found(text)):
            return text
        spans = self._spans(text)
        return self._rendered(text, spans, 0, len(text)) if spans else text

    def metadata(self, value: Any) -> Any:
        """
        *value*, which JSON can hold, with secrets replaced: by key name, and in every text of it.

        It must be a tree (see `qntx.recording.metadata`): a part of itself in it has no end.
        """
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is dict:
            if "$bytes" in value:
                return self._bytes(value)
            return {
                self.text(name) if type(name) is str else name: (
                    self.value(item, name)
                    if type(name) is str and is_secret_name(name)
                    else self.metadata(item)
                )
                for name, item in value.items()
            }
        if kind is list:
            return [self.metadata(item) for item in value]
        if kind is int and not -(10**7) < value < 10**7:
            text = str(value)
            clean = self.text(text)
            return value if clean is text else clean
        return value

    def value(self, value: Any, name: str) -> Any:
        """*value* with everything in it masked, for it stands under the secret *name*."""
        kind = type(value)
        if kind is dict:
            # Why and what could not be stored is no secret; what it looks like may be.
            plain = ("$unstorable", "type") if "$unstorable" in value else ()
            return {k: v if k in plain else self.value(v, name) for k, v in value.items()}
        if kind is list:
            return [self.value(item, name) for item in value]
        if value is None or kind is bool or value == "":
            return value
        if kind is not str and name.lower().endswith(_COUNTS):
            return value
        return self.marker("value", str(value))

    def piece(self, text: str, start: int) -> tuple[str, int]:
        """
        What of *text* after its first *start* characters can be published, though more will come.

        Returns that, masked, and where in *text* it ends. The rest may be part of a secret that
        goes on, and has to be kept back. The *start* characters are published already.
        """
        found = self._found(text)
        spans = self._spans(text) if found else []
        end = self._open_from(text, max(0, start - MIN_PREFIX + 1), bool(found))
        for first, last, _ in spans:
            if first < end < last:
                end = first
        end = max(start, end)
        return self._rendered(text, spans, start, end), end

    def suspects(self, data: bytes) -> bool:
        """Whether something begins in *data*, UTF-8 of any size, that may be a secret."""
        overlap = 4 * self.overlap
        return any(
            self._found(data[at : at + WINDOW + overlap].decode("utf-8", "replace"))
            for at in range(0, len(data), WINDOW)
        )

    def is_clean(self, text: str, matches: list[tuple[int, int, int]]) -> bool:
        """Whether nothing in *text* is a secret, of which :attr:`search` has found *matches*."""
        return _is_harmless(text, {number for _, _, number in matches}) or not self._spans(text)

    def is_plain(self, pieces: Iterable[str]) -> bool:
        """Whether nothing in the text of these *pieces* looks like a secret."""
        found: set[int] = set()
        has_user, end = False, ""
        for piece in pieces:
            found |= self._found(end + piece[: self.overlap]) | self._found(piece)
            has_user = has_user or "@" in piece
            end = (end + piece[-self.overlap :])[-self.overlap :]
            if found - {_URL}:
                return False
        return not (found and has_user)

    def _found(self, text: str) -> set[int]:
        """The numbers of what :attr:`search` finds in *text*, of any size."""
        found: set[int] = set()
        for _, piece in windows(text, self.overlap):
            try:
                matches = self.search(piece)
            except UnicodeEncodeError:
                matches = self.search(searchable(piece))
            found.update(number for _, _, number in matches)
        return found

    def _open_from(self, text: str, start: int, suspicious: bool) -> int:
        """Where in *text* a secret begins that may go on; known ones from *start* on."""
        text = searchable(text)
        size = len(text)
        end = open_from(text) if suspicious else size
        starts = self._starts
        for at in range(max(start, size - self._longest + 1), min(size - MIN_PREFIX + 1, end)):
            for form in starts.get(text[at : at + MIN_PREFIX], ()):
                if len(form) > size - at and form.startswith(text[at:]):
                    return at
        return end

    def _bytes(self, value: dict[str, Any]) -> dict[str, Any]:
        """The marker of bytes in metadata, unless they contain a secret."""
        try:
            data = base64.b64decode(value["$bytes"], validate=True)
            text = data.decode("utf-8", "surrogateescape")
        except (ValueError, TypeError):
            return {k: self.metadata(v) for k, v in value.items()}
        if self.text(text) is text:
            return value
        return {**value, "$bytes": self.marker("bytes", text)}

    def _add(self, values: list[tuple[str, str]]) -> None:
        known = dict(self._known)
        for kind, secret in values:
            for form in spellings(secret):
                known.setdefault(searchable(form), kind)
        forms = [*FORMAT_BY_BEGINNING, *known]
        kinds = [*FORMAT_BY_BEGINNING, *known.values()]
        starts: dict[str, list[str]] = {}
        for form in known:
            starts.setdefault(form[:MIN_PREFIX], []).append(form)
        # The first find is enough to look closer, and this kind is the quickest to find none.
        find = CharwiseDoubleArrayAhoCorasick(forms, MATCH_KIND_LEFTMOST_FIRST).find
        every, longest = CharwiseDoubleArrayAhoCorasick(forms), max(map(len, known), default=0)
        overlap = max(LONGEST_BEGINNING, longest) - 1
        # No call from here: what a signal handler throws comes before all of it, or after.
        self._known, self._starts, self._longest = known, starts, longest
        self.overlap = overlap
        self._every = every, kinds
        #: Where something begins that may be a secret; empty for most lines.
        self.search = find

    def _spans(self, text: str) -> list[Span]:
        """Where the secrets of *text* are, in order; what overlaps is one."""
        searcher, kinds = self._every
        formats: set[int] = set()
        found: list[Span] = []
        for at, piece in windows(text, self.overlap):
            for first, last, number in searcher.find_overlapping(searchable(piece)):
                if number < len(FORMAT_BY_BEGINNING):
                    formats.add(_FORMAT_NUMBERS[number])
                else:
                    found.append((at + first, at + last, kinds[number]))
        for number in sorted(formats):
            form = ALL_FORMATS[number]
            for match in form.pattern.finditer(text):
                found.append((match.start(), match.end(), form.kind))
        found.sort(key=lambda span: (span[0], -span[1]))
        spans: list[Span] = []
        for span in found:
            if spans and span[0] < spans[-1][1]:
                first, last, kind = spans[-1]
                spans[-1] = (first, max(last, span[1]), kind)
            elif _MARKER.fullmatch(text, span[0], span[1]) is None:
                spans.append(span)
        return spans

    def _rendered(self, text: str, spans: list[Span], start: int, end: int) -> str:
        """The part of *text* from *start* to *end*, with a marker in the place of each span."""
        parts: list[str] = []
        at = start
        for first, last, kind in spans:
            if last > at and first < end:
                parts += text[at:first], self.marker(kind, text[first:last])
                at = min(last, end)
        parts.append(text[at:end])
        return "".join(parts)

    def marker(self, kind: str, secret: str) -> str:
        """What stands in the place of *secret*."""
        if _MARKER.fullmatch(secret):
            return secret
        data = secret.encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, data, hashlib.sha256).hexdigest()
        return f"***[{kind}:{digest[:4]}]"


def masked_line(guard: Redactor, line: str, key: KeyLines | None) -> tuple[str, KeyLines | None]:
    """
    One *line* of output, masked, where private keys may go over several.

    *key* is what the line before left open; returned is what this one leaves open.
    """
    head, rest = "", line
    if key is not None:
        length = key.secret_length(line)
        key = key if key.open else None
        if line[:length].strip():
            head, rest = guard.marker("private-key", line[:length]), line[length:]
    clean = guard.text(rest)
    if clean is not rest and key is None and opens_key(rest):
        key = KeyLines()
    return (head + clean if head else clean), key


def from_environment(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """
    The secrets among environment variables: (kind, value) of those with secret-like names.

    Names of files that exist are none: what is secret stands in the file.
    """
    return [
        (f"env-{name}", value)
        for name, value in environment.items()
        if len(value) >= MIN_SECRET
        and is_secret_name(name)
        and name != "PWD"
        and not (value.startswith("/") and os.path.exists(value))
    ]


def _is_harmless(text: str, found: set[int]) -> bool:
    """Whether what was found in *text* are URLs without a user, as most of it is."""
    return not found or ("@" not in text and found == {_URL})


__all__ = ["CONTEXT", "Redactor", "from_environment", "is_secret_name", "masked_line"]
