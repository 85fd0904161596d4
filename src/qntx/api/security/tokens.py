"""The token of a data directory: made once, kept from others, changed when that is asked for."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from qntx.errors import BadInput

_TOKEN = re.compile(r"[A-Za-z0-9_\-]{32,128}")


def token_of(home: Path) -> str:
    """
    The token of the data directory *home*, made (256 bit, mode 0600) if there is none yet.

    Raises BadInput when the file holds something else.
    """
    path = home / "token"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make(path, os.link)
    token = path.read_text("ascii", "replace").strip()
    if _TOKEN.fullmatch(token) is None:
        raise BadInput(f"{path} holds no token - delete the file, the next start makes a new one")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return token


def rotate(home: Path) -> str:
    """A new token for *home*; the old one, and every login by it, is void from now on."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _make(home / "token", os.replace)
    return token_of(home)


def _make(path: Path, put: Callable[[str, Path], None]) -> None:
    """Write a new token, complete from the first moment; linked, the first of several wins."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".token-")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            put(draft, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


class Token:
    """The token in force: a given one, or that of a data directory, also after it was changed."""

    def __init__(self, home: Path, given: str | None = None) -> None:
        self._home = home
        self._path = home / "token"
        self._given = given
        self._read = given or token_of(home)
        self._stamp = self._look()

    @property
    def value(self) -> str:
        """The token of this moment."""
        if self._given is None:
            stamp = self._look()
            if stamp is not None and stamp != self._stamp:
                self._read, self._stamp = token_of(self._home), stamp
        return self._read

    def _look(self) -> tuple[int, int] | None:
        """What changes with the file; None while there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
