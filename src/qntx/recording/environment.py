"""Secrets that come into the environment while a job runs, its own or that of a child."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qntx.journal.secret_hashes import write_hashes
from qntx.journal.shared_secrets import share_secrets
from qntx.journal.writer import Journal
from qntx.recording import lines
from qntx.recording.context import current_place
from qntx.recording.patches import Patches
from qntx.recording.redaction import from_environment

_Environ: Any = type(os.environ)
_patches = Patches()
_original_set: Callable[..., None]


def install() -> None:
    """Mask what gets a secret-like name in ``os.environ`` (a ``.env`` file that is read late)."""
    global _original_set
    _original_set = _patches.replace(_Environ, "__setitem__", _set)


def uninstall() -> None:
    """Put the method back."""
    _patches.put_back()


def mask_secrets_of(environment: Mapping[Any, Any], journal: Journal) -> None:
    """Mask the secrets of *environment* from now on, in all output of *journal*'s processes."""
    guard = lines.redactor()
    if guard is None:
        return
    named = {k: v for k, v in environment.items() if isinstance(k, str) and isinstance(v, str)}
    fresh = [value for kind, value in from_environment(named) if guard.register(value, kind)]
    if fresh:
        with contextlib.suppress(OSError):  # it is full: output of children is masked by format
            share_with_indexer(fresh, journal)


def share_with_indexer(values: Sequence[str], journal: Journal) -> None:
    """Share secrets with the indexer: it masks what goes past Python. Raises OSError."""
    if values:
        # Before the values: where there is no room in memory, the indexer knows at least of them.
        write_hashes(journal.folder / "spool", journal.producer, values)
        share_secrets(journal.folder.parent, journal.producer, values)


def _set(self: Any, key: Any, value: Any) -> None:
    _original_set(self, key, value)
    where = current_place()
    if where is not None:
        mask_secrets_of({key: value}, where[0].journal)
