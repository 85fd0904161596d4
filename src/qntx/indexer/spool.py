"""A spool that the indexer follows: to whom its lines belong, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qntx.indexer.spool_file import End, SpoolFile
from qntx.journal.format import UNATTRIBUTED
from qntx.journal.relay_process import HEADER_BYTES
from qntx.model.log import INFO, WARN
from qntx.recording.formats import KeyLines
from qntx.storage.interfaces.log_rows import (
    SPOOL_DETACHED,
    SPOOL_STORED,
    ContextState,
    SpoolRow,
)

#: An unfinished line shows after so long, and then so often, seconds.
GROWING_S = 0.25
#: A stream that waits for room, or that cannot be read, is named after so long, seconds.
PATIENCE_S = 5.0


class Spool:  # budget: it holds what the store does, and what a round has seen
    """One stream. *name* is its file's, or a whole path in events of programs before version 10."""

    def __init__(self, name: str, context: ContextState, origin: int, folder: Path) -> None:
        self.name = name
        self.is_old = name.startswith("/")
        self.producer = Path(name).name.split(".", 1)[0]
        self.file = SpoolFile(folder / name, has_header=not self.is_old)
        self.context = context
        self.origin_key = origin
        #: What it is called in words: "stdout of make".
        self.stream = ""
        self.level = INFO
        self.flags = 0
        self.directives = False
        self.redact = True
        #: The private key that the next line is in the middle of.
        self.key: KeyLines | None = None
        self.keep = False
        self.state = 0
        #: Places where output is missing, and lines of them, that were told.
        self.lost_places = self.lost_lines = 0
        #: What is shown of its unfinished line.
        self.shows = b""
        #: What the last check has found: an unfinished line to show, a wait to tell of.
        self.grows = self.waits_for_room = self.is_overdue = False
        self._seen = self._seen_shown = (-1, -1)
        self._shown_s = 0.0
        self._unread_since = 0.0
        self._told = False

    @classmethod
    def announced(
        cls, fields: dict[str, Any], context: ContextState, origin: int, folder: Path
    ) -> Spool:
        """That of an event."""
        spool = cls(fields.get("name") or fields["path"], context, origin, folder)
        stream = fields["stream"]
        spool.level = WARN if stream == "stderr" else INFO
        spool.stream = f"{stream} of {fields.get('program') or _NAMES[fields['source'] == 'fd']}"
        spool.flags = UNATTRIBUTED if fields["shared"] else 0
        spool.directives = bool(fields.get("directives"))
        spool.redact = bool(fields.get("redact", True))
        spool.keep = bool(fields["keep"])
        return spool

    @classmethod
    def of(cls, row: SpoolRow, context: ContextState, folder: Path) -> Spool:
        """That of the store."""
        spool = cls(row.path, context, row.origin_key, folder)
        spool.stream = row.stream or "a stream"
        spool.level, spool.flags = row.level, row.flags
        spool.directives, spool.keep = bool(row.directives), bool(row.keep)
        spool.redact, spool.state = bool(row.redact), row.state
        spool.lost_places, spool.lost_lines = row.lost_places, row.lost_lines
        spool.file.position = spool.file.searched = row.position
        spool.file.frames = row.frames
        spool.shows = b"\r"  # nobody knows what, and it is to go when its line is whole
        return spool

    def go_on_for(self, before: Spool) -> None:
        """It was announced again, for another run: what is known of its file stays."""
        self.file.close()
        self.file, self.key, self.shows = before.file, before.key, before.shows
        self.lost_places, self.lost_lines = before.lost_places, before.lost_lines

    def row(self) -> SpoolRow:
        """What outlives a restart of it; its context must have its place."""
        return SpoolRow(
            self.name,
            self.context.context_key,
            self.origin_key,
            self.file.position,
            self.level,
            self.flags,
            self.directives,
            self.keep,
            self.redact,
            self.stream,
            self.state,
            self.lost_places,
            self.lost_lines,
            self.file.frames,
        )

    @property
    def is_stored(self) -> bool:
        """Whether all of it is in the store."""
        return bool(self.state & SPOOL_STORED)

    @property
    def may_be_idle(self) -> bool:
        """Whether nothing was written to it, and its process keeps it for its next run."""
        begin = HEADER_BYTES if self.file.has_header else 0
        return (
            bool(self.flags & UNATTRIBUTED)
            and not self.state & (SPOOL_STORED | SPOOL_DETACHED)
            and self.file.size() <= begin
        )

    def look(self, size: int, now: float) -> bool:
        """A check, now and then; returns whether a round has something to do for it."""
        if size < 0:
            self._unread_since = self._unread_since or now
            self.is_overdue = not self._told and now - self._unread_since > PATIENCE_S
            self._told = self._told or self.is_overdue
            return self.is_overdue or self.file.is_gone
        self._unread_since = 0.0
        seen = (self.file.position, size)
        if self.file.position < size and now - self._shown_s > GROWING_S:
            # One that a check has met before is none that was about to be finished.
            self.grows = seen != self._seen_shown and self.file.position == self._seen[0]
            if self.grows:
                self._shown_s, self._seen_shown = now, seen
        self._seen = seen
        header = self.file.header()
        if header is not None and header.waits_ms > PATIENCE_S * 1e3 and not self._told:
            self._told = self.waits_for_room = True
        return self.grows or self.waits_for_room or self.file.end() is not End.OPEN

    def untold_losses(self, upto: int, *, last: bool) -> Iterator[tuple[int, int, int]]:
        """
        Where output is missing before *upto*, and was not told: offset in the file, lines, bytes.

        *last*: no more comes, so that a loss at the very end is whole.
        """
        header = self.file.header()
        losses = header.losses if header is not None else []
        for place, lines, size in losses[self.lost_places :]:
            if place < upto or last:
                self.lost_places += 1
                self.lost_lines += lines
                yield min(place, upto), max(1, lines), size
        missed = sum(lines for _, lines, _ in losses) - self.lost_lines
        if last and missed > 0:  # where there were too many places, the last stands for more
            self.lost_lines += missed
            yield upto, missed, 0

    def remove(self, folders: Iterable[Path]) -> None:
        """It is stored whole: its file may go, unless it is in none of *folders*: not ours then."""
        self.file.close()
        if not self.is_old or self.file.path.parent in folders:
            self.file.path.unlink(missing_ok=True)


_NAMES = ("a child", "the process")
