"""Spools as the indexer follows them: bytes that went past Python become lines."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qntx.indexer.keys import Keys
from qntx.indexer.sequencing import Pending
from qntx.journal.format import NO_NEWLINE, RAW, REDACTED, UNATTRIBUTED, is_text
from qntx.journal.spool import SECRETS_SUFFIX, is_abandoned, shared_secrets
from qntx.model.log import INFO, WARN
from qntx.recording.formats import KeyLines
from qntx.recording.redaction import Redactor, from_environment, masked_line
from qntx.storage.interfaces.log_rows import ContextState, SpoolRow
from qntx.storage.interfaces.log_writer import LogWriter

#: Bytes looked at in one go, and the most that one round takes of a spool.
SPOOL_CHUNK_BYTES = 1 << 20
#: A line without a newline is given up waiting for beyond this size.
MAX_LINE_BYTES = 1 << 30
_PUNCH_HOLE_KEEP_SIZE = 3
_PUNCH_BYTES = 4 << 20


class Spool:
    """One spool: where its next line begins, and to whom its lines belong."""

    def __init__(self, path: str, context: ContextState, origin: int, stream: str) -> None:
        self.path = path
        self.producer = Path(path).name.split(".", 1)[0]
        self.context = context
        self.origin_key = origin
        self.level = WARN if stream == "stderr" else INFO
        self.flags = 0
        self.position = 0
        #: Up to where it was searched for a newline.
        self.searched = 0
        self.directives = False
        self.redact = True
        #: The private key that the next line is in the middle of.
        self.key: KeyLines | None = None
        self.keep = False
        self.over = False
        self._punched = 0
        self._fd: int | None = None

    def row(self) -> SpoolRow:
        """What outlives a restart of it; its context must have its place."""
        return SpoolRow(
            self.path,
            self.context.context_key,
            self.origin_key,
            self.position,
            self.level,
            self.flags,
            self.directives,
            self.keep,
            self.redact,
        )

    def size(self) -> int:
        """Bytes written so far; -1 when the file is gone."""
        try:
            if self._fd is None:
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            return os.fstat(self._fd).st_size
        except OSError:
            return -1

    def lines(self, upto: int, *, last: bool) -> Iterator[tuple[bytes, bool]]:
        """The complete lines before *upto*, without newline; *last*: the rest is one, too."""
        assert self._fd is not None
        while self.searched < upto:
            chunk = os.pread(self._fd, min(SPOOL_CHUNK_BYTES, upto - self.searched), self.searched)
            if not chunk:
                break
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:
                stop = self.searched + end
                yield self._piece(chunk, start, end, stop), True
                self.position = stop + 1
                start = end + 1
            self.searched += len(chunk)
            if self.searched - self.position > MAX_LINE_BYTES:
                yield os.pread(self._fd, self.searched - self.position, self.position), False
                self.position = self.searched
        if last and self.position < upto:
            yield os.pread(self._fd, upto - self.position, self.position), False
            self.position = self.searched = upto

    def abandoned(self) -> bool:
        """Whether nobody can write to it any more."""
        return self._fd is None or is_abandoned(self._fd)

    def release(self) -> None:
        """Give back the memory of what is stored."""
        if self.keep or self._fd is None or self.position - self._punched < _PUNCH_BYTES:
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

    def _piece(self, chunk: bytes, start: int, end: int, stop: int) -> bytes:
        begin = self.searched + start
        if self.position == begin:
            return chunk[start:end]
        assert self._fd is not None
        return os.pread(self._fd, stop - self.position, self.position)


class Spools:
    """All spools of a data directory."""

    def __init__(self, writer: LogWriter, keys: Keys) -> None:
        self._writer = writer
        self._keys = keys
        self._spools: dict[str, Spool] = {}
        self._changed: set[Spool] = set()
        self._redactors: dict[str, tuple[int, Redactor]] = {}

    def __len__(self) -> int:
        return len(self._spools)

    def __contains__(self, path: object) -> bool:
        return path in self._spools

    def load(self) -> None:
        """Take up those that the store knows."""
        for place, row in self._writer.load_spools():
            self._load(self._keys.at(place), row)

    def announce(self, context: ContextState, origin: int, fields: dict[str, Any]) -> None:
        """A process has put a spool behind a descriptor (or an old one serves a new run)."""
        path = fields["path"]
        known = self._spools.get(path)
        spool = Spool(path, context, origin, fields["stream"])
        spool.flags = UNATTRIBUTED if fields["shared"] else 0
        spool.directives = bool(fields.get("directives"))
        spool.redact = bool(fields.get("redact", True))
        spool.keep = bool(fields["keep"])
        if known is not None:
            spool.position, spool.searched = known.position, known.searched
            spool.key = known.key
            known.close()
        self._spools[path] = spool
        self._changed.add(spool)

    def hand_over(self, producer: str, context: ContextState) -> None:
        """The spools behind the descriptors of *producer* serve another run from here on."""
        for spool in self._spools.values():
            if spool.producer == producer and spool.flags & UNATTRIBUTED:
                spool.context = context
                self._changed.add(spool)

    def settle(self, fields: dict[str, Any], order: int, lines: list[Pending]) -> None:
        """What was written before *size* comes before whatever follows in the journal."""
        spool, size = self._spools.get(fields["path"]), fields["size"]
        if spool is not None and spool.size() >= size:
            self._take(spool, size, order, lines, last=bool(fields.get("last")))

    def read(self, order: int, lines: list[Pending], *, check_abandoned: bool) -> None:
        """Take what has come to any spool; one that nobody holds any more is finished."""
        for spool in self._spools.values():
            size = spool.size()
            if size < 0:
                spool.over = True
                continue
            # Looked at before the size: what is written before the last one lets go counts.
            over = check_abandoned and spool.abandoned()
            size = spool.size()
            if size > spool.searched or (over and size > spool.position):
                self._take(spool, size, order, lines, last=over)
            spool.over = over

    def has_news(self) -> bool:
        """Whether any spool has grown; costs one fstat each."""
        return any(spool.size() > spool.searched for spool in self._spools.values())

    def finish_round(self) -> None:
        """Store how far each spool is in the store; in the transaction of its lines."""
        over = [spool for spool in self._spools.values() if spool.over]
        changed = [s for s in self._changed if not s.over and self._spools.get(s.path) is s]
        if changed:
            self._writer.place(spool.context for spool in changed)
            self._writer.save_spools([spool.row() for spool in changed])
        if over:
            self._writer.drop_spools([spool.path for spool in over])
        self._changed.clear()

    def clean_up(self) -> None:
        """After the commit: remove the files that are stored whole."""
        for spool in [spool for spool in self._spools.values() if spool.over]:
            spool.close()
            Path(spool.path).unlink(missing_ok=True)
            del self._spools[spool.path]
        for spool in self._spools.values():
            spool.release()

    def forget_secrets(self, folder: Path, producer: str) -> None:
        """A process is gone: so may be what it asked to have masked."""
        if not any(Path(path).name.startswith(producer) for path in self._spools):
            (folder / (producer + SECRETS_SUFFIX)).unlink(missing_ok=True)
            self._redactors.pop(producer, None)

    def close(self) -> None:
        """Let go of all files."""
        for spool in self._spools.values():
            spool.close()

    def _load(self, context: ContextState, row: SpoolRow) -> None:
        stream = "stderr" if row.level == WARN else "stdout"
        spool = Spool(row.path, context, row.origin_key, stream)
        spool.position = spool.searched = row.position
        spool.flags, spool.directives, spool.keep = row.flags, bool(row.directives), bool(row.keep)
        spool.redact = bool(row.redact)
        self._spools[row.path] = spool

    def _take(
        self, spool: Spool, upto: int, order: int, lines: list[Pending], *, last: bool
    ) -> None:
        redactor = self._redactor(spool.path)
        for data, whole in spool.lines(upto, last=last):
            flags = spool.flags | (0 if whole else NO_NEWLINE)
            text = data.decode("utf-8", "surrogateescape")
            clean = text
            if spool.redact:
                clean, spool.key = masked_line(redactor, text, spool.key)
            if clean is not text:
                flags |= REDACTED
                data = clean.encode("utf-8", "surrogateescape")
            if not is_text(data):
                flags |= RAW
            if spool.directives and data.startswith(b"::"):
                self._direct(spool, clean)
            lines.append(
                (order, spool.context, spool.origin_key, order, spool.level, flags, data, b"")
            )
        self._changed.add(spool)

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

    def _redactor(self, path: str) -> Redactor:
        """What masks a spool: the secrets of the environment, and those its job registered."""
        producer = Path(path).name.split(".", 1)[0]
        secrets = Path(path).with_name(producer + SECRETS_SUFFIX)
        try:
            size = secrets.stat().st_size
        except OSError:
            size = 0
        found = self._redactors.get(producer)
        if found is None or found[0] != size:
            values = from_environment()
            known = shared_secrets(secrets.parent, producer) if size else []
            values += [("secret", value) for value in known]
            found = self._redactors[producer] = (size, Redactor(values))
        return found[1]
