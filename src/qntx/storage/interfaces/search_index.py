"""The search index as it is built: lines that are not indexed yet, and blocks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class Unindexed(NamedTuple):
    """An attempt whose lines behind *indexed*, up to *stored*, are in no block."""

    run_key: int
    indexed: int
    stored: int


class PlainLine(NamedTuple):
    """What is indexed of a line; *message* is None where it is longer than asked for."""

    seq: int
    #: UTC microseconds.
    ts: int
    level: int
    message: bytes | None


class BlockRow(NamedTuple):
    """A block: its lines, between which times, the highest level, and which grams they hold."""

    lines: int
    first_ts: int
    last_ts: int
    max_level: int
    #: See `qntx.model.grams`; None: any may be in it.
    bits: bytes | None


class SearchIndexWriter(Protocol):
    """
    Reads lines and stores blocks of them, beside the rounds and never waiting for them.

    Methods raise StoreBusy and StoreUnavailable.
    """

    def unindexed(self, limit: int) -> list[Unindexed]:
        """Up to *limit* attempts with lines that are not indexed."""

    def lines(self, part: Unindexed, limit: int, longest: int) -> Iterator[PlainLine]:
        """
        Up to *limit* lines of *part*, in order; of those over *longest* bytes no message.

        *longest* is 64 KiB or more: smaller messages are always given.
        """

    def store(self, block: BlockRow, parts: Sequence[Unindexed]) -> bool:
        """
        Store a block that holds *parts* (their *stored* is what is indexed with it).

        False, and nothing stored: an attempt was forgotten, or indexed further, meanwhile.
        """

    def close(self) -> None:
        """Let go of the database, until the next use."""
