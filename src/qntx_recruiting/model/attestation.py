"""An attestation: an immutable claim that subjects are predicates of contexts, by actors."""

from __future__ import annotations

import msgspec


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """
    One claim; its four dimensions are lists, and it stands for every combination of them.

    *timestamp_us* is when it was claimed (UTC microseconds), *source* how it entered.
    """

    id: str
    subjects: tuple[str, ...]
    predicates: tuple[str, ...] = ("_",)
    contexts: tuple[str, ...] = ("_",)
    actors: tuple[str, ...]
    timestamp_us: int
    source: str = "cli"
    attributes: dict[str, object] = {}
