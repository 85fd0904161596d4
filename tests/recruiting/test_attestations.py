"""Attestations as sentences of the grammar."""

from __future__ import annotations

import pytest

from qntx_recruiting.ats.attestations import Attestation, sentence


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"subjects": ("JD_1",), "predicates": ("requires_skill",), "contexts": ("Python",)},
            "JD_1 is requires_skill of Python by kim at 1970-01-01T00:00:01.000000Z",
        ),
        (
            {"subjects": ("ALICE", "BOB"), "predicates": ("author",), "contexts": ("the book",)},
            'ALICE BOB are author of "the book" by kim at 1970-01-01T00:00:01.000000Z',
        ),
        ({"subjects": ("x",)}, "x is _ of _ by kim at 1970-01-01T00:00:01.000000Z"),
        (
            {"subjects": ("of",), "contexts": ('say "hi"\\',)},
            '"of" is _ of "say \\"hi\\"\\\\" by kim at 1970-01-01T00:00:01.000000Z',
        ),
    ],
)
def test_sentences(fields: dict[str, tuple[str, ...]], said: str) -> None:
    claim = Attestation(id="AS_1", actors=("kim",), timestamp_us=1_000_000, **fields)  # type: ignore[arg-type]
    assert sentence(claim) == said
