"""A line of output as it comes, piece by piece, without the secrets that may be in it."""

from __future__ import annotations

import re

from qntx.journal.format import RAW, REDACTED
from qntx.recording.formats import KeyLines
from qntx.recording.lines import redactor
from qntx.recording.redaction import CONTEXT, masked_line

#: Bytes that are no text, as they stand in text; and those that may begin a character of several.
_BYTE = re.compile("[\udc80-\udcff]")
_BEGUN = re.compile("[\udcc2-\udcf4][\udc80-\udcbf]{0,2}\\Z")

#: Text kept back beyond this size is looked at again only when it has grown by an eighth.
_LARGE = 1024


class LineBuffer:
    """Text of one stream, scope and thread that has no newline yet."""

    __slots__ = (
        "_context",
        "_has_bytes",
        "_look_at",
        "_pieces",
        "_size",
        "_waiting",
        "ended",
        "key",
        "number",
    )

    def __init__(self, key: KeyLines | None = None) -> None:
        #: The private key that this line is in the middle of.
        self.key = key
        #: What marks its published pieces in the journal; 0 before the first.
        self.number = 0
        #: A newline has come.
        self.ended = False
        #: Bytes that were no text by themselves have come: several may be a character.
        self._has_bytes = False
        self._pieces: list[str] = []
        #: What is not published, its size, and the size at which to look at it again.
        self._waiting: list[str] = []
        self._size = 0
        self._look_at = 0
        #: The end of what is published.
        self._context = ""

    def __bool__(self) -> bool:
        return bool(self._pieces) or self.key is not None

    def add(self, text: str) -> None:
        """More of the line has come."""
        if text:
            self._pieces.append(text)
            self.ended = self.ended or "\n" in text
            if not text.isascii() and _BYTE.search(text):
                self._has_bytes = True
            self._waiting.append(text)
            self._size += len(text)

    def whole(self) -> str:
        """Everything that has come."""
        text = "".join(self._pieces)
        return _joined(text) if self._has_bytes else text

    def publishable(self) -> tuple[str, int]:
        """
        What can be published now, masked, and flags; it is not given again.

        What may become a secret is kept back. The time this takes does not depend on how much was
        published before.
        """
        if self.key is not None or self._size < self._look_at:
            return "", 0
        guard = redactor()
        text, rest = "".join(self._waiting), ""
        if guard is None:
            self._keep("")
            return text, 0
        if self._has_bytes:
            text = _joined(text)
            if begun := _BEGUN.search(text):  # a character that is not whole yet
                text, rest = text[: begun.start()], begun[0]
        start = len(self._context)
        text = self._context + text
        piece, end = guard.piece(text, start)
        self._context = text[max(0, end - CONTEXT) : end]
        self._keep(text[end:] + rest)
        return piece, 0 if piece == text[start:end] else REDACTED

    def encoded(self, line: str, flags: int) -> tuple[bytes, int]:
        """The complete *line* for the journal; :attr:`key` is then what the next one is in."""
        guard = redactor()
        if guard is None:
            return _bytes(line, flags)
        clean, self.key = masked_line(guard, line, self.key)
        return _bytes(clean, flags if clean is line else flags | REDACTED)

    def _keep(self, text: str) -> None:
        self._waiting = [text] if text else []
        self._size = len(text)
        self._look_at = self._size * 9 // 8 if self._size > _LARGE else 0


def _joined(text: str) -> str:
    """*text* with the characters whose bytes came in several pieces."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text  # half of a surrogate pair: it is no bytes anyway


def _bytes(text: str, flags: int) -> tuple[bytes, int]:
    try:
        return text.encode(), flags
    except UnicodeEncodeError:
        return raw(text), flags | RAW


def raw(text: str) -> bytes:
    """*text* that is no Unicode text as the bytes that it stands for."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
