"""Secrets in what went past Python: searched for in many lines at once, masked line by line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from qntx.journal.format import RAW, REDACTED, is_text
from qntx.journal.shared_secrets import SUFFIX as SECRETS_SUFFIX
from qntx.journal.shared_secrets import shared_secrets
from qntx.recording.formats import KeyLines
from qntx.recording.redaction import Redactor, from_environment, masked_line


class Masked(NamedTuple):
    """Lines as they may be stored, the flags of those that have any, and a key that goes on."""

    lines: list[bytes]
    flags: dict[int, int]
    key: KeyLines | None


def masked_lines(guard: Redactor | None, block: bytes, key: KeyLines | None) -> Masked:
    """
    The lines of *block*, each as `masked_line` gives it, where *key* was left open before.

    One search tells for nearly all of them that there is nothing to mask.
    """
    lines = block.split(b"\n")
    try:
        text = block.decode()
    except UnicodeDecodeError:
        suspects = None
    else:
        found = guard.places(text) if guard is not None else []
        if not found and key is None:
            return Masked(lines, {}, None)
        suspects = _lines_with(text, found)
    flags = {}
    for number, data in enumerate(lines):
        if key is None and suspects is not None and number not in suspects:
            continue
        marks = 0
        if guard is not None:
            line = data.decode("utf-8", "surrogateescape")
            clean, key = masked_line(guard, line, key)
            if clean is not line:
                marks = REDACTED
                data = lines[number] = clean.encode("utf-8", "surrogateescape")
        if not is_text(data):
            marks |= RAW
        if marks:
            flags[number] = marks
    return Masked(lines, flags, key)


def _lines_with(text: str, places: list[tuple[int, int]]) -> set[int]:
    """The numbers of the lines of *text* that *places* in it touch."""
    numbers: set[int] = set()
    line = at = 0
    for start, end in places:
        # Those of two windows that overlap are not in order.
        line += text.count("\n", at, start) if start >= at else -text.count("\n", start, at)
        at = start
        numbers.update(range(line, line + text.count("\n", start, end) + 1))
    return numbers


class Guards:
    """What masks the spools of each process: secrets of the environment, and those it shares."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, Redactor]] = {}

    def guard(self, folder: Path, producer: str) -> Redactor:
        """What masks the output of *producer*'s children."""
        try:
            size = (folder / (producer + SECRETS_SUFFIX)).stat().st_size
        except OSError:
            size = 0
        found = self._found.get(producer)
        if found is None or found[0] != size:
            values = from_environment()
            known = shared_secrets(folder, producer) if size else []
            values += [("secret", value) for value in known]
            found = self._found[producer] = (size, Redactor(values))
        return found[1]

    def forget(self, folder: Path, producer: str) -> None:
        """A process is gone: so may be what it asked to have masked."""
        (folder / (producer + SECRETS_SUFFIX)).unlink(missing_ok=True)
        self._found.pop(producer, None)
