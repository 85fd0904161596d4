"""Spools as the indexer follows them: bytes that went past Python become lines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from qntx.indexer.keys import Keys
from qntx.indexer.masking import Guards, masked_lines
from qntx.indexer.sequencing import Pending
from qntx.indexer.spool import Spool
from qntx.indexer.spool_file import End
from qntx.journal.format import NO_NEWLINE, RAW, UNATTRIBUTED, is_text
from qntx.model.frames import frames_of, shown, without_frames
from qntx.model.log import ERROR, WARN
from qntx.storage.interfaces.log_rows import (
    SPOOL_DETACHED,
    SPOOL_IDLE,
    SPOOL_STORED,
    ContextState,
    PartRow,
    RunState,
)
from qntx.storage.interfaces.log_writer import LogWriter

#: So much one round takes of a spool, unless what follows in a journal waits for more.
ROUND_BYTES = 8 << 20
#: So much of an unfinished line is shown.
GROWING_BYTES = 64 << 10
_NO_END = "what was still in its pipe when its writer and the relay died is lost"
_GONE = "its file is gone"
_NO_ROOM = "no room on the disk"


class Spools:  # budget: what becomes of a stream, from its announcement to its end
    """All spools of a data directory, by name."""

    def __init__(self, writer: LogWriter, keys: Keys, folder: Path, secrets: Path) -> None:
        """*folder*: where their files are; *secrets*: where processes share what is masked."""
        self._writer = writer
        self._keys = keys
        self._folder = folder
        self._secrets = secrets
        self._spools: dict[str, Spool] = {}
        self._changed: set[Spool] = set()
        self._guards = Guards(secrets, folder)
        #: Those whose files were removed: the store may forget them.
        self._gone: list[str] = []
        #: Processes that are gone, of which there are spools left.
        self._outlived: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._spools)

    def __contains__(self, name: object) -> bool:
        return name in self._spools

    def load(self) -> None:
        """Take up those that the store knows."""
        for place, row in self._writer.load_spools():
            spool = Spool.of(row, self._keys.at(place), self._folder)
            self._spools[spool.name] = spool

    def runs(self) -> set[RunState]:
        """The attempts that still have streams."""
        return {spool.context.run for spool in self._spools.values()}

    # -- what journals say ---------------------------------------------------------------------

    def announce(self, context: ContextState, origin: int, fields: dict[str, Any]) -> None:
        """A process has put a spool behind a descriptor (or an old one serves a new run)."""
        spool = Spool.announced(fields, context, origin, self._folder)
        known = self._spools.get(spool.name)
        if known is not None:
            spool.go_on_for(known)
        self._spools[spool.name] = spool
        self._changed.add(spool)

    def hand_over(self, producer: str, context: ContextState) -> None:
        """The spools behind the descriptors of *producer* serve another run from here on."""
        for spool in self._spools.values():
            if spool.producer == producer and spool.flags & UNATTRIBUTED and not spool.is_stored:
                spool.context = context
                spool.state = 0
                self._changed.add(spool)

    def settle(self, fields: dict[str, Any], order: int, lines: list[Pending]) -> None:
        """What was written before *size* comes before whatever follows in the journal."""
        spool, size = self._spools.get(fields.get("name") or fields["path"]), fields["size"]
        if spool is None or spool.is_stored or spool.file.size() < size:
            return
        last = bool(fields.get("last"))
        self._take(spool, size, order, lines, last=last or bool(fields.get("ended")))
        if fields.get("ended"):
            self._finish(spool, None, order, lines)
        elif last:
            spool.state |= SPOOL_DETACHED

    def runs_ended(self, runs: Iterable[RunState]) -> None:
        """Attempts are over: streams that they wrote nothing to wait for the next ones."""
        over = set(runs)
        for spool in self._spools.values() if over else ():
            if spool.context.run in over and spool.may_be_idle:
                spool.state |= SPOOL_IDLE
                self._changed.add(spool)

    # -- rounds --------------------------------------------------------------------------------

    def has_news(self, *, check: bool) -> bool:
        """Whether there is anything to do; costs one fstat each, and a little more on a *check*."""
        now = time.monotonic()
        news = False
        for spool in self._spools.values():
            if spool.is_stored:
                continue
            size = spool.file.size()
            news = news or size > spool.file.searched
            if check:
                news = spool.look(size, now) or news
        return news

    def read(self, order: int, lines: list[Pending], *, check: bool) -> None:
        """Take what has come to any spool; one that nobody holds any more is finished."""
        for spool in self._spools.values():
            if spool.is_stored:
                continue
            size = spool.file.size()
            if size < 0:
                self._cannot_be_read(spool, order, lines)
                continue
            # Looked at before the size: what is written before the last one lets go counts.
            end = spool.file.end() if check else End.OPEN
            size = spool.file.size()
            upto = min(size, spool.file.searched + ROUND_BYTES)
            over = end is not End.OPEN and upto == size
            if over or upto > spool.file.searched:
                self._take(spool, upto, order, lines, last=over)
            if over:
                missing = _NO_END if end is End.UNSEEN else None
                self._finish(spool, missing, order, lines)
            elif spool.grows:
                self._show_growing(spool, order)
            if spool.waits_for_room:
                spool.waits_for_room = False
                text = f"{spool.stream} waits: {_NO_ROOM}, and nothing is lost yet"
                self._say(spool, WARN, text, {"reason": _NO_ROOM}, order, lines)

    def finish_round(self) -> None:
        """Store how far each spool is in the store; in the transaction of its lines."""
        changed = [s for s in self._changed if self._spools.get(s.name) is s]
        if changed:
            self._writer.place(spool.context for spool in changed)
            self._writer.save_spools([spool.row() for spool in changed])
        if self._gone:
            self._writer.drop_spools(self._gone)
            self._gone = []
        self._changed.clear()

    def clean_up(self) -> None:
        """After the commit: remove the files that are stored whole."""
        for spool in [spool for spool in self._spools.values() if spool.is_stored]:
            spool.remove((self._folder, self._secrets))
            del self._spools[spool.name]
            # Dropped in the next round: whoever is killed before that finds the file, or none.
            self._gone.append(spool.name)
            run = spool.context.run
            if run.ended and run not in self.runs():
                self._keys.forget(run)
        for producer in list(self._outlived):
            self.forget_secrets(producer)
        for spool in self._spools.values():
            if not spool.keep:
                spool.file.release()

    def forget_secrets(self, producer: str) -> None:
        """A process is gone: so may be what it asked to have masked."""
        if any(spool.producer == producer for spool in self._spools.values()):
            self._outlived.add(producer)  # until the last of them is stored
        else:
            self._outlived.discard(producer)
            self._guards.forget(producer)

    def close(self) -> None:
        """Let go of all files."""
        for spool in self._spools.values():
            spool.file.close()

    # -- one spool -----------------------------------------------------------------------------

    def _take(
        self, spool: Spool, upto: int, order: int, lines: list[Pending], *, last: bool
    ) -> None:
        self._changed.add(spool)
        if upto > spool.file.searched:
            spool.state &= ~SPOOL_IDLE
        before = len(lines)
        for place, number, size in spool.untold_losses(upto, last=last):
            self._lines(spool, place, order, lines, last=True)
            self._lose(spool, number, _NO_ROOM, order, lines, bytes=size)
        self._lines(spool, upto, order, lines, last=last)
        spool.file.fold()
        if len(lines) > before:
            self._hide_growing(spool)

    def _lines(
        self, spool: Spool, upto: int, order: int, lines: list[Pending], *, last: bool
    ) -> None:
        for block, whole in spool.file.blocks(upto, last=last):
            if spool.redact:
                found = self._guards.masked(spool.producer, block, spool.key)
            else:
                found = masked_lines(None, block, None)
            spool.key = found.key
            flags = spool.flags | (0 if whole else NO_NEWLINE)
            origin, level = spool.origin_key, spool.level
            if not (found.flags or spool.directives or spool.file.frames or b"\r" in block):
                place = spool.context
                lines += [
                    (order, place, origin, order, level, flags, data, b"") for data in found.lines
                ]
                continue
            for number, data in enumerate(found.lines):
                more, marks = b"", flags | found.flags.get(number, 0)
                if spool.file.frames or (b"\r" in data and not marks & RAW):
                    data, more = without_frames(data, spool.file.frames)
                    spool.file.frames = 0
                if spool.directives and data.startswith(b"::"):
                    self._direct(spool, data.decode("utf-8", "surrogateescape"))
                lines.append((order, spool.context, origin, order, level, marks, data, more))

    def _finish(self, spool: Spool, missing: str | None, order: int, lines: list[Pending]) -> None:
        """All of it is taken: its file may go with this round. *missing*: why its end is not."""
        was_idle = spool.state & SPOOL_IDLE
        spool.state = SPOOL_STORED
        self._changed.add(spool)
        self._hide_growing(spool)
        if missing is None or was_idle:
            return
        self._writer.place([spool.context])
        self._writer.miss_end(spool.context.run, spool.stream)
        spool.context.run.lost += 1
        text = f"the end of {spool.stream} was not seen: {missing}"
        more = {"lost": 1, "reason": "end_not_seen", "stream": spool.stream}
        self._say(spool, ERROR, text, more, order, lines)

    def _cannot_be_read(self, spool: Spool, order: int, lines: list[Pending]) -> None:
        if spool.file.is_gone:
            self._finish(spool, _GONE, order, lines)
        elif spool.is_overdue:
            spool.is_overdue = False
            assert spool.file.problem is not None
            reason = spool.file.problem.strerror
            text = f"{spool.stream} cannot be read by this indexer ({reason}): it waits for one"
            self._say(spool, WARN, text, {"reason": reason, "file": spool.name}, order, lines)

    def _lose(
        self, spool: Spool, number: int, reason: str, order: int, lines: list[Pending], **more: Any
    ) -> None:
        spool.context.run.lost += number
        text = f"{number:,} {'line' if number == 1 else 'lines'} lost here: {reason}"
        fields = {"lost": number, "reason": reason, "stream": spool.stream, **more}
        self._say(spool, ERROR, text, fields, order, lines)

    def _say(
        self,
        spool: Spool,
        level: int,
        text: str,
        metadata: dict[str, Any],
        order: int,
        lines: list[Pending],
    ) -> None:
        origin = self._keys.origin("system", None)
        more = msgspec.json.encode(metadata)
        lines.append((order, spool.context, origin, order, level, 0, text.encode(), more))

    def _show_growing(self, spool: Spool, order: int) -> None:
        """Keep what there is of an unfinished line, as far as it cannot become a secret."""
        spool.grows = False
        if spool.key is not None or spool.file.position >= spool.file.searched:
            return
        tail = spool.file.tail(GROWING_BYTES)
        clean = tail
        if spool.redact:
            clean = self._guards.showable(spool.producer, tail)
        frames = spool.file.frames + frames_of(clean).before
        text = shown(clean)
        if text == spool.shows or not text:
            return
        self._writer.place([spool.context])
        key, raw = spool.context.context_key, 0 if is_text(text) else RAW
        self._writer.save_parts(
            [
                PartRow(
                    spool.name,
                    0,
                    0,
                    key,
                    spool.origin_key,
                    order,
                    spool.level,
                    spool.flags | raw,
                    text,
                    frames,
                )
            ]
        )
        spool.shows = text

    def _hide_growing(self, spool: Spool) -> None:
        """Its line is whole: the log has it."""
        if spool.shows:
            self._writer.drop_parts([(spool.name, 0)])
            spool.shows = b""

    def _direct(self, spool: Spool, line: str) -> None:
        """``::stage:: name`` and ``::task:: id`` switch the place of all spools of the run."""
        kind, _, name = line[2:].partition("::")
        name = name.strip()
        if kind not in ("stage", "task") or not name:
            return
        run = spool.context.run
        stage = name if kind == "stage" else spool.context.stage
        context = self._keys.context(run, stage, None if kind == "stage" else name)
        for other in self._spools.values():
            if other.directives and other.context.run is run:
                other.context = context
                self._changed.add(other)
