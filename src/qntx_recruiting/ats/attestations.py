"""Attestations as sentences: ``JD_1 is requires_skill of Python by qntx/builtin at 2026-…``."""

from __future__ import annotations

import re

from qntx.clock import iso
from qntx_recruiting.model.attestation import Attestation

__all__ = ["Attestation", "sentence"]

#: Words that have a meaning in the grammar and are quoted when they are names.
_KEYWORDS = frozenset(
    {"is", "are", "has", "of", "from", "in", "by", "via", "at", "on"}
    | {"since", "until", "between", "over", "so", "therefore"}
)
_BARE = re.compile(r"[^\s'\"]+")


def sentence(attestation: Attestation) -> str:
    """*attestation* in the attestation grammar, readable and quoted where it has to be."""
    subjects = _tokens(attestation.subjects)
    verb = "is" if len(attestation.subjects) == 1 else "are"
    return (
        f"{subjects} {verb} {_tokens(attestation.predicates)} of {_tokens(attestation.contexts)} "
        f"by {_tokens(attestation.actors)} at {iso(attestation.timestamp_us)}"
    )


def _tokens(names: tuple[str, ...]) -> str:
    return " ".join(_token(name) for name in names)


def _token(name: str) -> str:
    if _BARE.fullmatch(name) and name.lower() not in _KEYWORDS:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
