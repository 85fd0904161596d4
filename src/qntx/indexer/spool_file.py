"""A spool's file as the indexer reads it: whole lines, the rest, and whether more may come."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from qntx.journal.format import is_text
from qntx.journal.relay_process import HEADER_BYTES, Header, read_header
from qntx.journal.spool_files import is_abandoned
from qntx.model.frames import frames_of

#: Bytes looked at in one go.
SPOOL_CHUNK_BYTES = 1 << 20
#: A line without a newline is given up waiting for beyond this size.
MAX_LINE_BYTES = 1 << 30
#: An unfinished line of so many bytes keeps its newest frame only, and counts those before.
FOLD_BYTES = 256 << 10
_PUNCH_HOLE_KEEP_SIZE = 3
_PUNCH_BYTES = 4 << 20
#: Holes are made of whole pages, and the header is in the first.
_PAGE_BYTES = 4096
_KEY_BEGINNING = b"-----BEGIN "


class End(Enum):
    """Whether more may come to a spool."""

    OPEN = 0
    #: Everything is in the file, or counted as lost.
    SEEN = 1
    #: Nobody can write to it any more, and nobody knows whether that was all.
    UNSEEN = 2


class SpoolFile:
    """The file at *path*; those of programs before version 10 have no header, nor a known end."""

    def __init__(self, path: Path, *, has_header: bool) -> None:
        self.path = path
        self.has_header = has_header
        #: Where the next line begins, and up to where it was searched for a newline.
        self.position = self.searched = HEADER_BYTES if has_header else 0
        #: Frames of the unfinished line that came before *position*.
        self.frames = 0
        #: Why it cannot be read now.
        self.problem: OSError | None = None
        #: Up to where a long unfinished line was looked at for frames.
        self._folded = 0
        self._punched = _PAGE_BYTES if has_header else 0
        self._fd: int | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the file is not there any more."""
        return isinstance(self.problem, FileNotFoundError)

    def size(self) -> int:
        """Bytes written so far; -1 when it cannot be read now, see :attr:`problem`."""
        try:
            if self._fd is None:
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                self.problem = None
            return os.fstat(self._fd).st_size
        except OSError as error:
            self.problem = error
            return -1

    def header(self) -> Header | None:
        """What the header says; None where there is none (yet)."""
        return read_header(self._fd) if self.has_header and self._fd is not None else None

    def end(self) -> End:
        """Whether more may come; to be asked before the size that is taken for the last."""
        assert self._fd is not None
        if self._has_ended():
            return End.SEEN
        if not is_abandoned(self._fd):
            return End.OPEN
        # Whoever marked the end did so before letting go of the lock.
        return End.SEEN if not self.has_header or self._has_ended() else End.UNSEEN

    def blocks(self, upto: int, *, last: bool) -> Iterator[tuple[bytes, bool]]:
        """
        The complete lines before *upto*, many at a time, joined by newlines: (bytes, True).

        *last*: what is behind the last newline is a line, too: (bytes, False).
        """
        assert self._fd is not None
        while self.searched < upto:
            chunk = os.pread(self._fd, min(SPOOL_CHUNK_BYTES, upto - self.searched), self.searched)
            if not chunk:
                break
            end = chunk.rfind(b"\n")
            if end >= 0:
                stop = self.searched + end
                if self.position == self.searched:
                    block = chunk[:end]
                else:
                    block = os.pread(self._fd, stop - self.position, self.position)
                self.position = self.searched = stop + 1
                yield block, True
                continue
            self.searched += len(chunk)
            if self.searched - self.position > MAX_LINE_BYTES:
                yield self._rest(self.searched), False
        if last and self.position < upto:
            yield self._rest(upto), False

    def fold(self) -> None:
        """Of a long unfinished line with frames, keep the newest."""
        assert self._fd is not None
        while self.searched - max(self.position, self._folded) >= FOLD_BYTES:
            text = os.pread(self._fd, FOLD_BYTES, max(self.position, self._folded))
            self._folded = max(self.position, self._folded) + FOLD_BYTES
            # A key whose lines end in carriage returns is masked as a whole.
            if self._folded - self.position > FOLD_BYTES or _KEY_BEGINNING in text:
                continue
            found = frames_of(text)
            if found.before and is_text(text[: found.start]):
                self.frames += found.before
                self.position += found.start
                self._folded = self.position

    def tail(self, most: int) -> bytes:
        """The end of the unfinished line, of *most* bytes."""
        assert self._fd is not None
        start = max(self.position, self.searched - most)
        return os.pread(self._fd, self.searched - start, start)

    def release(self) -> None:
        """Give back the room of what is stored."""
        if self._fd is None or self.position - self._punched < _PUNCH_BYTES:
            return
        with contextlib.suppress(OSError, AttributeError):
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            length = self.position - self._punched
            ctypes.CDLL(None).fallocate(
                fd, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(self._punched), ctypes.c_long(length)
            )
            os.close(fd)
            self._punched = self.position

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _rest(self, upto: int) -> bytes:
        assert self._fd is not None
        rest = os.pread(self._fd, upto - self.position, self.position)
        self.position = self.searched = upto
        return rest

    def _has_ended(self) -> bool:
        header = self.header()
        return header is not None and header.ended
