"""A line of output as it comes, piece by piece, without the secrets that may be in it."""

from __future__ import annotations

import re

from qntx.journal.format import REDACTED
from qntx.journal.large_record import LARGE
from qntx.recording.formats import KeyLines
from qntx.recording.lines import redactor
from qntx.recording.redaction import CONTEXT, masked_line

#: Bytes that are no text, as they stand in text; and those that may begin a character of several.
_BYTE = re.compile("[\udc80-\udcff]")
_BEGUN = re.compile("[\udcc2-\udcf4][\udc80-\udcbf]{0,2}\\Z")

#: So many pieces are joined to one.
_MANY = 1024
#: Text kept back beyond this size is looked at again only when it has grown by an eighth.
_LARGE = 1024


class LineBuffer:
    """Text of one stream, scope and thread that has no newline yet."""

    __slots__ = (
        "_context",
        "_has_bytes",
        "_joined",
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
        #: Those that came before, joined: a line that comes letter by letter takes little more
        #: memory than its letters.
        self._joined: list[str] = []
        #: What is not published, its size, and the size at which to look at it again.
        self._waiting: list[str] = []
        self._size = 0
        self._look_at = 0
        #: The end of what is published.
        self._context = ""

    def __bool__(self) -> bool:
        return bool(self._pieces) or bool(self._joined) or self.key is not None

    def add(self, text: str) -> None:
        """More of the line has come."""
        if text:
            self._pieces.append(text)
            if len(self._pieces) == _MANY:
                self._joined.append("".join(self._pieces))
                self._pieces = []
            self.ended = self.ended or "\n" in text
            if not text.isascii() and _BYTE.search(text):
                self._has_bytes = True
            self._waiting.append(text)
            self._size += len(text)

    @property
    def size(self) -> int:
        """How many characters have come."""
        return sum(map(len, self._joined)) + sum(map(len, self._pieces))

    def plain_pieces(self) -> list[str] | None:
        """
        What has come of a large line in which nothing is to be masked, in pieces; else None.

        They are the line, without another copy of it.
        """
        if self.key is not None or self._has_bytes or self.size <= LARGE:
            return None
        pieces, guard = [*self._joined, *self._pieces], redactor()
        return pieces if guard is None or guard.is_plain(pieces) else None

    def whole(self) -> str:
        """Everything that has come; where that is much it is not kept any longer."""
        text = "".join((*self._joined, *self._pieces))
        if len(text) > LARGE:
            self._joined, self._pieces = [], []
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

    def masked(self, line: str, flags: int) -> tuple[str, int]:
        """The complete *line* for the journal; :attr:`key` is then what the next one is in."""
        guard = redactor()
        if guard is None:
            return line, flags
        clean, self.key = masked_line(guard, line, self.key)
        return clean, flags if clean is line else flags | REDACTED

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
