"""The backends that the suite asks the same of: a new one is one more entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from qntx.config import Settings
from qntx.storage import open_store
from qntx.storage.interfaces import Store


@dataclass(frozen=True)
class Backend:
    """
    A backend by name.

    *make* opens the store of a folder, made and up to date. Two that are made for one folder, by
    whatever process, are one store; what a folder holds belongs to one test.
    """

    name: str
    make: Callable[[Path], AbstractContextManager[Store]]


@contextmanager
def _sqlite(folder: Path) -> Iterator[Store]:
    store = open_store(Settings(home=folder))
    store.prepare()
    try:
        yield store
    finally:
        store.close()


BACKENDS = {backend.name: backend for backend in [Backend("sqlite", _sqlite)]}
