"""What a thread shows now that is stored already: the display of a record, and nothing else."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Protocol, Self

from qntx.journal.interrupts import reraise_from_signal
from qntx.recording.lines import WRONG_CALL

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class _Stream(Protocol):
    def capture(self, text: str) -> None:
        """Capture *text* as if it were written to the stream now."""


class Shown:
    """
    A record that is stored, while a handler (a sink, a hook) of the program shows it.

    Captured streams hand over what is written meanwhile. Who wrote it decides: what the handler
    writes once it has asked for the record's text is the record's display, up to the end of the
    line. Everything else (whole lines before, lines that the text is no part of) is its own, or
    that of a signal handler or a finaliser, and is captured when it is clear.
    """

    __slots__ = ("_frame", "_is_whole", "_message", "_outer", "_pieces", "_text")

    def __init__(
        self, message: Callable[[], str], text: str | None = None, *, is_whole: bool = False
    ) -> None:
        """*text*: what is shown, where it is known; *is_whole*: nothing else is written."""
        self._message = message
        self._text = text
        self._is_whole = is_whole
        self._pieces: list[tuple[_Stream, str]] | None = None
        self._outer: Shown | None = NOW.shown
        self._frame: FrameType | None = None

    def __enter__(self) -> Self:
        self._frame = sys._getframe(1)
        NOW.shown = self
        return self

    def __exit__(self, *_: object) -> None:
        NOW.shown = self._outer
        self._frame = None
        if self._pieces:
            self._release_own()

    def is_going_on(self) -> bool:
        """
        Whether the code that writes now was called by what shows the record.

        It is not when an exception that a signal handler threw has kept this from ending, or in
        another greenlet.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame is self._frame:
                return True
            frame = frame.f_back
        return False

    def take(self, stream: _Stream, written: str) -> None:
        """*written* goes to *stream* meanwhile."""
        if not self._is_whole:
            if self._pieces is None:
                self._pieces = []
            self._pieces.append((stream, written))
            if self._text is None and "\n" in written:
                self._release_lines()

    def formatted(self, text: str) -> None:
        """The handler has asked for the text of the record: it is going to show it."""
        if self._text is not None:
            self._release_own()
        self._text = text

    def is_about(self, message: str) -> bool:
        """Whether this record, or one that this is the display of, says *message*."""
        shown: Shown | None = self
        while shown is not None:
            text = shown._text
            if message == shown._message() or (
                text is not None and message.rstrip("\n") == text.rstrip("\n")
            ):
                return True
            shown = shown._outer
        return False

    def _release_lines(self) -> None:
        """Nobody has asked for the record's text so far: whole lines are no display of it."""
        pieces, self._pieces = self._pieces or [], []
        for stream, written in _by_stream(pieces):
            whole, newline, rest = "".join(written).rpartition("\n")
            if rest:
                self._pieces.append((stream, rest))
            _capture(self._outer, stream, whole + newline)

    def _release_own(self) -> None:
        pieces, self._pieces = self._pieces or [], []
        for stream, own in _own(_by_stream(pieces), self._text):
            if own:
                _capture(self._outer, stream, own)


class _Now(threading.local):
    """Per thread: what it shows now."""

    shown: Shown | None = None


NOW = _Now()


def shown_now() -> Shown | None:
    """What the code that runs now shows, and is stored already."""
    shown = NOW.shown
    return shown if shown is not None and shown.is_going_on() else None


def is_passed_on(message: str) -> bool:
    """Whether a new record that says *message* is the one that this thread shows, passed on."""
    shown = shown_now()
    try:
        return shown is not None and shown.is_about(message)
    except WRONG_CALL as error:
        reraise_from_signal(error)
        return False


def after_fork_in_child() -> None:
    """What the parent's thread showed is the parent's."""
    NOW.shown = None


def _capture(outer: Shown | None, stream: _Stream, text: str) -> None:
    before, NOW.shown = NOW.shown, outer
    try:
        stream.capture(text)
    finally:
        NOW.shown = before


def _by_stream(pieces: list[tuple[_Stream, str]]) -> list[tuple[_Stream, list[str]]]:
    """What each stream got, call by call."""
    found: dict[int, tuple[_Stream, list[str]]] = {}
    for stream, text in pieces:
        found.setdefault(id(stream), (stream, []))[1].append(text)
    return list(found.values())


def _own(written: list[tuple[_Stream, list[str]]], text: str | None) -> list[tuple[_Stream, str]]:
    """What was written besides the display of *text*."""
    if text is None:
        return [(stream, "".join(pieces)) for stream, pieces in written]
    rests = [(stream, _without(text, "".join(pieces))) for stream, pieces in written]
    if all(rest is None for _, rest in rests):
        # It is shown otherwise than as it is: by one of the calls, or else by all of them together.
        shows = [any(_shows(text, piece) for piece in pieces) for _, pieces in written]
        if not any(shows):
            return []
        rests = [
            (stream, "".join(piece for piece in pieces if not _shows(text, piece)))
            for stream, pieces in written
        ]
    return [
        (stream, "".join(pieces) if rest is None else rest)
        for (stream, rest), (_, pieces) in zip(rests, written, strict=True)
    ]


def _without(text: str, written: str) -> str | None:
    """What *written* holds besides the lines that show *text* as it is; None: it shows it not."""
    plain = text.rstrip("\n")
    newlines = len(text) - len(plain)
    found = False
    while (at := _find(plain, written)) >= 0:
        end = written.find("\n", at + len(plain)) + 1
        rest = written[end:] if end else ""
        while newlines and rest.startswith("\n"):
            rest, newlines = rest[1:], newlines - 1
        written = written[: written.rfind("\n", 0, at) + 1] + rest
        found = True
        if not plain:
            break
    return written if found else None


def _find(text: str, whole: str) -> int:
    """Where *whole* shows *text*: as lines of their own, rather than within one."""
    at = f"\n{whole}\n".find(f"\n{text}\n")
    return at if at >= 0 else whole.find(text)


def _shows(text: str, written: str) -> bool:
    """Whether *written* shows *text* with its words wrapped, in columns and colours."""
    plain, at = _COLOUR.sub("", written), 0
    words = text.split()
    for word in words:
        at = plain.find(word, at) + len(word)
        if at < len(word):
            return False
    return bool(words)
