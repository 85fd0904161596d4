"""Frames of progress bars: what a line with carriage returns shows, and how many it has shown."""

from __future__ import annotations

import re
from typing import NamedTuple

#: What programs send to a terminal beside text: colours, and erasing.
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_ERASING = re.compile(rb"(?:\x1b\[[0-2]?K)+")


class Frames(NamedTuple):
    """The newest frame of a line, how many came before it, and where in the line it begins."""

    newest: bytes
    before: int
    start: int


def frames_of(line: bytes) -> Frames:
    r"""
    The newest frame of *line* that shows anything, as a terminal has it.

    A carriage return behind everything is none of a frame (``\r\n`` is a newline). A line with
    one frame stays as it is.
    """
    end = len(line.rstrip(b"\r"))
    if line.find(b"\r", 0, end) < 0:
        return Frames(line, 0, 0)
    before = 0
    start = newest = stop = 0
    while start <= end:
        found = line.find(b"\r", start, end)
        found = end if found < 0 else found
        if _shows(line[start:found]):
            before += 1
            newest, stop = start, found
        start = found + 1
    if before < 2:
        return Frames(line, 0, 0)
    text = line[newest:stop]
    erased = _ERASING.match(text)
    return Frames(text[erased.end() :] if erased else text, before - 1, newest)


def shown(text: bytes) -> bytes:
    """What a terminal shows of an unfinished line: the newest frame."""
    return frames_of(text).newest.strip(b"\r")


def without_frames(line: bytes, before: int = 0) -> tuple[bytes, bytes]:
    """
    A finished *line* as its newest frame, and metadata that says how many frames there were.

    *before*: those that came before *line*, and are not kept. One frame stays as it is.
    """
    found = frames_of(line)
    frames = before + found.before + 1
    if frames == 1:
        return line, b""
    return found.newest.strip(b"\r"), b'{"frames":%d}' % frames


def _shows(frame: bytes) -> bool:
    if not frame or frame.isspace():
        return False
    return b"\x1b" not in frame or bool(_CONTROL.sub(b"", frame).strip())
