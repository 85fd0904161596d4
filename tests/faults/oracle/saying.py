"""
The lines of the oracle: each says who said it, which of theirs it is, and what must be in it.

``T|run|attempt|producer|n|sha256(payload)|payload`` - and the payload follows from the rest, so
that the checker knows every line that may exist without having heard any.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

#: Producers whose way is through C strings, where a NUL is the end.
_NO_NUL = ("libc", "subprocess", "os.system")
EXTRAS = ("", "ä€😀", "\t\x1b[31m", "|T|x", "\0\u2028", "'\"\\%s{}")


class Said(NamedTuple):
    """A line of the oracle, taken apart."""

    run: str
    attempt: int
    producer: str
    n: int
    sha256: str
    payload: str


def payload_of(seed: int, producer: str, n: int) -> str:
    """The payload of a producer's *n*-th line: 0 to 260 characters, all kinds of them."""
    digest = hashlib.sha256(f"{seed}|{producer}|{n}".encode()).hexdigest()
    length = int(digest[:2], 16)
    payload = (digest * 4)[:length] + EXTRAS[int(digest[2], 16) % len(EXTRAS)]
    return payload.replace("\0", "") if any(way in producer for way in _NO_NUL) else payload


def line_of(seed: int, run: str, attempt: int, producer: str, n: int) -> str:
    """The *n*-th line (from 1) of *producer*."""
    payload = payload_of(seed, producer, n)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    return f"T|{run}|{attempt}|{producer}|{n}|{digest}|{payload}"


def take_apart(text: str) -> Said | None:
    """What a stored line says; None when it is no line of the oracle."""
    parts = text.split("|", 6)
    if len(parts) != 7 or parts[0] != "T" or not (parts[2].isdigit() and parts[4].isdigit()):
        return None
    return Said(parts[1], int(parts[2]), parts[3], int(parts[4]), parts[5], parts[6])
