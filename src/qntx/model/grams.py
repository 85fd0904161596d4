"""Grams: the runs of four bytes in messages, as bits that say which a block of lines may hold."""

from __future__ import annotations

from typing import Any

from qntx.model.text_match import fold

#: Length of the runs of bytes that the index knows; shorter pieces of text it cannot look up.
GRAM = 4
#: What a run is multiplied with, of which the upper 16 bits are its bit.
HASH = 2_654_435_761
BITS = 1 << 16
#: Bits are shared until at least this share of them is set.
FULL = 0.1
SMALLEST_BITS = 1 << 10


def grams(pieces: list[bytes]) -> set[int]:
    """The hashes of all runs of four bytes in *pieces*."""
    return {
        bit_of(int.from_bytes(piece[at : at + GRAM], "little"))
        for piece in pieces
        for at in range(len(piece) - GRAM + 1)
    }


def bit_of(gram: int) -> int:
    """The bit for four bytes (as a little-endian number), of 65,536."""
    return (gram * HASH & 0xFFFFFFFF) >> 16


def may_hold(bits: bytes | None, wanted: list[int]) -> bool:
    """Whether a block with these bits may hold all of *wanted*; smaller blocks share bits."""
    if bits is None:
        return True
    mask = len(bits) * 8 - 1
    return all(bits[(bit & mask) >> 3] >> (bit & 7) & 1 for bit in wanted)


def signature(messages: list[bytes], numpy: Any) -> bytes:
    """The bits of a block: one for each run of four bytes in *messages*, however written."""
    data = fold(b"\n".join(messages) + b"\n" * GRAM)
    found = numpy.ndarray((len(data) - GRAM + 1,), "<u4", data, strides=(1,))
    held = numpy.zeros(BITS, numpy.bool_)
    held[(found * numpy.uint32(HASH)) >> numpy.uint32(16)] = True
    while len(held) > SMALLEST_BITS and numpy.count_nonzero(held) < FULL * len(held):
        half = len(held) // 2
        held = held[:half] | held[half:]
    return bytes(numpy.packbits(held, bitorder="little"))
