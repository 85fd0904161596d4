"""Secrets in what went past Python: searched for in many lines at once, masked line by line."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from qntx.journal.format import RAW, REDACTED, is_text
from qntx.journal.secret_hashes import SUFFIX as HASHES_SUFFIX
from qntx.journal.secret_hashes import UnseenSecrets, remove_hashes
from qntx.journal.shared_secrets import SUFFIX as SECRETS_SUFFIX
from qntx.journal.shared_secrets import shared_secrets
from qntx.recording.formats import FORMAT_BY_BEGINNING, KeyLines
from qntx.recording.redaction import Redactor, from_environment, masked_line
from qntx.recording.search_windows import windows

#: What the search finds for "://"; a password in a URL has an "@" behind it.
_URL = list(FORMAT_BY_BEGINNING).index("://")


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
        found = _places(guard, text) if guard is not None else []
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


def _places(guard: Redactor, text: str) -> list[tuple[int, int]]:
    """Where in *text* something looks like a secret; masking a line changes nothing else."""
    found = [
        (at + first, at + last, number)
        for at, piece in windows(text, guard.overlap)
        for first, last, number in guard.search(piece)
    ]
    harmless = _URL if found and "@" not in text else None
    return [(first, last) for first, last, number in found if number != harmless]


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


class Guard(NamedTuple):
    """What masks the output of one process."""

    #: Sizes of what it is made from.
    of: tuple[int, int]
    redactor: Redactor
    unseen: UnseenSecrets


class Guards:
    """What masks the spools of each process: secrets of the environment, and those it shares."""

    def __init__(self, secrets: Path, spools: Path) -> None:
        """*secrets*: where processes share them in memory; *spools*: where their hashes are."""
        self._secrets = secrets
        self._spools = spools
        self._found: dict[str, Guard] = {}

    def masked(self, producer: str, block: bytes, key: KeyLines | None) -> Masked:
        """The lines of *block* as they may be stored; see `masked_lines`."""
        guard = self._guard(producer)
        for value in guard.unseen.found_in(block) if guard.unseen else ():
            guard.redactor.register(value)
        return masked_lines(guard.redactor, block, key)

    def showable(self, producer: str, text: bytes) -> bytes:
        """What of unfinished *text* cannot become a secret, masked; nothing if nobody can tell."""
        guard = self._guard(producer)
        if guard.unseen:
            return b""
        piece, _ = guard.redactor.piece(text.decode("utf-8", "surrogateescape"), 0)
        return piece.encode("utf-8", "surrogateescape")

    def forget(self, producer: str) -> None:
        """A process is gone: so may be what it asked to have masked."""
        with suppress(OSError):
            (self._secrets / (producer + SECRETS_SUFFIX)).unlink()
        remove_hashes(self._spools, producer)
        self._found.pop(producer, None)

    def _guard(self, producer: str) -> Guard:
        sizes = (
            _size(self._secrets / (producer + SECRETS_SUFFIX)),
            _size(self._spools / (producer + HASHES_SUFFIX)),
        )
        found = self._found.get(producer)
        if found is None or found.of != sizes:
            values = from_environment()
            known = shared_secrets(self._secrets, producer) if sizes[0] else []
            values += [("secret", value) for value in known]
            unseen = UnseenSecrets(self._spools, producer, (value for _, value in values))
            found = self._found[producer] = Guard(sizes, Redactor(values), unseen)
        return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
