"""Attributes that are replaced for a while, also where others replace them meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qntx.recording.patches import Patches


class Library:
    """Stands for a class of somebody else."""

    def call(self) -> str:
        """What the library does."""
        return "library"


class Ours:
    """A patch that adds "ours" to what it replaces, as the modules of recording do."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._patches = Patches()
        self._original: Callable[[Any], str] = lambda _: "never installed"

        def call(library: Any) -> str:
            return f"ours({self._original(library)})"

        self._call = call

    def install(self) -> None:
        """Begin."""
        self._original = self._patches.replace(self._owner, "call", self._call)

    def uninstall(self) -> None:
        """End."""
        self._patches.put_back()


def around(name: str, inner: Callable[[Any], str]) -> Callable[[Any], str]:
    """A patch of somebody else, which calls what it found."""
    return lambda library: f"{name}({inner(library)})"


def fresh() -> tuple[type[Library], Ours]:
    """A class nobody has patched, and our patch of it."""
    owner = type("Library", (), dict(vars(Library)))
    return owner, Ours(owner)


def test_what_was_there_is_put_back() -> None:
    owner, ours = fresh()
    before = vars(owner)["call"]
    ours.install()
    assert owner().call() == "ours(library)"
    ours.uninstall()
    assert vars(owner)["call"] is before


def test_a_patch_made_before_is_called_and_put_back() -> None:
    owner, ours = fresh()
    theirs = owner.call = around("theirs", owner.call)
    for _ in range(2):
        ours.install()
        assert owner().call() == "ours(theirs(library))"
        ours.uninstall()
        assert vars(owner)["call"] is theirs


def test_a_patch_made_meanwhile_stays_and_is_not_called_in_circles() -> None:
    owner, ours = fresh()
    ours.install()
    theirs = owner.call = around("theirs", owner.call)
    ours.uninstall()
    assert vars(owner)["call"] is theirs
    ours.install()
    assert owner().call() == "ours(library)"
    ours.uninstall()
    assert vars(owner)["call"] is theirs


def test_a_patch_taken_away_too_late_leaves_ours_for_one_more_time() -> None:
    owner, ours = fresh()
    before = vars(owner)["call"]
    ours.install()
    found = owner.call
    owner.call = around("theirs", found)
    ours.uninstall()
    owner.call = found
    ours.install()
    assert owner().call() == "ours(library)"
    ours.uninstall()
    assert vars(owner)["call"] is before


def test_a_patch_of_before_that_is_taken_away_meanwhile_stays_away() -> None:
    owner, ours = fresh()
    before = vars(owner)["call"]
    owner.call = around("theirs", before)
    ours.install()
    owner.call = before
    ours.uninstall()
    assert vars(owner)["call"] is before
    ours.install()
    assert owner().call().startswith("ours(")
    ours.uninstall()
    assert vars(owner)["call"] is before
