"""One search for many lines finds what a search of each line finds."""

from __future__ import annotations

import random

import pytest

from qntx.indexer.masking import masked_lines
from qntx.journal.format import RAW, REDACTED, is_text
from qntx.recording.formats import KeyLines
from qntx.recording.redaction import Redactor, masked_line
from tests.support.effort import times

LONG = "correct horse battery staple\nsecond line of the secret\r\nthird line of the same one"
SECRETS = [("secret", "hunter2hunter2"), ("secret", "hunter2hunter2more"), ("secret", LONG)]
#: What lines are made of: plain text, secrets and halves of them, what looks like one, no text.
WORDS = [
    *(b"done", b" ", b"\t", b"\n", b"\n", b"\n", b"\r", b"\xc3\xa4\xe2\x82\xac", "☕".encode()),
    *(secret.encode() for _, secret in SECRETS),
    *(line.encode() for line in LONG.splitlines()),
    *(b"hunter2", b"hunter2more", b"ghp_" + b"aB1" * 12, b"ghp_", b"xoxb-1234567890abc"),
    *(b"https://example.org/", b"https://me:geheim123@example.org/", b"Bearer abc123DEF456xyz"),
    *(b"-----BEGIN RSA PRIVATE KEY-----", b"-----END RSA PRIVATE KEY-----", b"MIIEowIBAAKCAQEA"),
]
NO_TEXT = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x80"]


def line_by_line(
    guard: Redactor, block: bytes, key: KeyLines | None
) -> tuple[list[bytes], list[int], bool]:
    """What every line was given by a search of its own."""
    lines, flags = [], []
    for data in block.split(b"\n"):
        text = data.decode("utf-8", "surrogateescape")
        clean, key = masked_line(guard, text, key)
        stored = clean.encode("utf-8", "surrogateescape")
        lines.append(stored)
        flags.append((0 if clean is text else REDACTED) | (0 if is_text(stored) else RAW))
    return lines, flags, key is not None


@pytest.mark.parametrize("words", [WORDS, WORDS + NO_TEXT], ids=["text", "no text"])
def test_blocks_are_masked_as_their_lines_are(chance: random.Random, words: list[bytes]) -> None:
    guard = Redactor(SECRETS)
    for _ in range(times(1_500, 40_000)):
        key: KeyLines | None = None
        one_by_one: KeyLines | None = None
        for _ in range(chance.randint(1, 4)):
            block = b"".join(chance.choice(words) for _ in range(chance.randint(0, 25)))
            if (key is None) != (one_by_one is None):
                raise AssertionError("a key goes on for one of them only")
            expected = line_by_line(guard, block, one_by_one)
            found = masked_lines(guard, block, key)
            flags = [found.flags.get(number, 0) for number in range(len(found.lines))]
            assert (found.lines, flags, found.key is not None) == expected, block
            # Each goes on from its own: a key counts its lines.
            key = found.key
            one_by_one = _key_after(guard, block, one_by_one)


def _key_after(guard: Redactor, block: bytes, key: KeyLines | None) -> KeyLines | None:
    for data in block.split(b"\n"):
        _, key = masked_line(guard, data.decode("utf-8", "surrogateescape"), key)
    return key


def test_without_masking_only_what_is_no_text_is_marked() -> None:
    found = masked_lines(None, b"ghp_" + b"aB1" * 12 + b"\n\xff\n", None)
    assert found.flags == {1: RAW}
    assert found.lines == [b"ghp_" + b"aB1" * 12, b"\xff", b""]
