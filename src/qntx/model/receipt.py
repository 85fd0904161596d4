"""What became of all that an attempt has said: the receipt, and its sentence."""

from __future__ import annotations

import msgspec


class Receipt(msgspec.Struct, frozen=True):
    """
    What was accepted of an attempt's lines (or all attempts'), and what is stored.

    It is *complete* when the attempt is over, every stream of it was seen to its end, and nothing
    is missing. Until then *text* says "so far".
    """

    accepted: int
    stored: int
    lost: int
    redactions: int
    complete: bool
    text: str
    #: The attempt is at work, or its streams are not at their end: more may come.
    so_far: bool = False
    #: Streams of other programs that are not at their end.
    open_streams: int = 0
    #: Streams whose end will never be seen ("stdout of make"): some of their output may be lost.
    unseen: list[str] = []

    @classmethod
    def of(
        cls,
        accepted: int,
        stored: int,
        lost: int,
        redactions: int,
        *,
        running: bool = False,
        open_streams: int = 0,
        unseen: list[str] | None = None,
    ) -> Receipt:
        """The receipt for these counts, with its sentence."""
        so_far = running or open_streams > 0
        unseen = unseen or []
        whole = lost == 0 and stored >= accepted and not unseen
        if so_far:
            text = f"so far: {stored:,}" + ("" if whole else f", {lost:,} lost")
        elif whole:
            text = f"complete: {stored:,} of {accepted:,}"
        else:
            text = f"incomplete: {stored:,} of {accepted:,}, {lost:,} lost"
        if unseen:
            text += f"; the end of {_listed(unseen)} was not seen"
        complete = whole and not so_far
        return cls(accepted, stored, lost, redactions, complete, text, so_far, open_streams, unseen)


def _listed(names: list[str], most: int = 3) -> str:
    """The names, each once, or some of them."""
    names = list(dict.fromkeys(names))
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return " and ".join(", ".join(names).rsplit(", ", 1))
