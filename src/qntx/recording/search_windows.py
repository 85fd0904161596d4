"""Texts of any size for a search that takes several times their memory: in pieces."""

from __future__ import annotations

from collections.abc import Iterator

#: A text up to this length is searched at once, without asking whether there is memory.
SHORT = 8 << 10
#: A longer one is searched in pieces of this length.
WINDOW = 32 << 10


def windows(text: str, overlap: int) -> Iterator[tuple[int, str]]:
    """
    *text* in pieces that overlap by *overlap* characters, each with where it begins.

    The search takes 8 bytes of memory for each byte that it searches, and ends the process when
    it cannot have them: it gets small pieces, and only while there is as much (MemoryError).
    """
    if len(text) > SHORT:
        bytearray(9 * min(len(text), WINDOW + overlap))
    if len(text) <= WINDOW:
        yield 0, text
        return
    for at in range(0, len(text), WINDOW):
        yield at, text[at : at + WINDOW + overlap]


def searchable(text: str) -> str:
    """*text* without lone surrogates, which the search refuses; as long as before."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
