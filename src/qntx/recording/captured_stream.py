"""A stand-in for ``sys.stdout`` or ``sys.stderr``: every line written to it is a log line."""

from __future__ import annotations

import codecs
import io
import threading
from collections.abc import Iterable
from itertools import count
from typing import Any

from qntx.journal.format import CLOSES_PART, LINE, NO_NEWLINE, PART
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.large_record import PIECE
from qntx.journal.run_scope import Origin, Scope
from qntx.journal.writer import Journal
from qntx.model.log import INFO, WARN
from qntx.recording import lines
from qntx.recording.console import DirectStream
from qntx.recording.context import ACTIVE_RUNS, SCOPE, ActiveRun, current_place
from qntx.recording.formats import KeyLines
from qntx.recording.line_buffer import LineBuffer
from qntx.recording.search_windows import SHORT
from qntx.recording.showing import NOW, Shown

_part_numbers = count(1)
_LEVELS = {"stdout": INFO, "stderr": WARN}
_NUMBERS = {"stdout": 1, "stderr": 2}
#: So many lines of `writelines` are taken together.
TOGETHER = 256
_decoder = codecs.getincrementaldecoder("utf-8")


class CapturedStream(io.TextIOBase):  # budget: it has the methods of the stream it stands for
    """
    Stands in for ``sys.stdout`` or ``sys.stderr``: each line becomes a log line, then is
    forwarded to the stream it replaced.

    Text without a newline is in the journal, too, as soon as the call returns; it becomes part
    of the line when the newline comes.
    """

    #: As of a file that is open for writing text.
    mode = "w"

    def __init__(self, name: str, replaced: Any) -> None:
        self.name = f"<{name}>"
        #: ``stdout`` or ``stderr``.
        self.source = name
        #: What it stands in for; what it passes on to meanwhile may be another way to the same.
        self.replaced = replaced
        self._level = _LEVELS[name]
        self.forward_to(replaced)
        self._journal: Journal | None = None
        self._origin: Origin = Origin(name, None)
        self._line_buffer: dict[tuple[Scope, int], LineBuffer] = {}
        self._bytes = CapturedBytes(self)

    @property
    def buffer(self) -> CapturedBytes:
        """The binary side."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, always."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How undecodable bytes are represented in text."""
        return "surrogateescape"

    @property
    def line_buffering(self) -> bool:
        """Whether the stream behind shows each line at once; the log has it at once anyway."""
        return bool(getattr(self._original, "line_buffering", True))

    @property
    def write_through(self) -> bool:
        """Whether the stream behind shows everything at once."""
        return bool(getattr(self._original, "write_through", False))

    def reconfigure(self, **settings: Any) -> None:
        """Reconfigure the stream behind; what is captured is UTF-8 in any case."""
        change = getattr(self._original, "reconfigure", None)
        if change is not None:
            try:
                change(**settings)
            except (OSError, ValueError) as error:
                reraise_from_signal(error)  # else: the terminal went away

    @property
    def original(self) -> Any:
        """The stream that this one stands in for."""
        return self._original

    def after_fork_in_child(self) -> None:
        """Begin anew: unfinished lines are the parent's."""
        self._line_buffer = {}

    def forward_to(self, original: Any) -> None:
        """Forward to *original* from now on."""
        self._original = original
        # What the program made may write to a stream of ours: it is captured already.
        self._is_foreign = not isinstance(original, DirectStream | io.TextIOWrapper | None)

    def writable(self) -> bool:
        """Always true."""
        return True

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return bool(self._original is not None and self._original.isatty())

    def fileno(self) -> int:
        """
        The descriptor that a child, or C code, may be given: it is captured as well.

        Also where nothing is passed on: without capture it would be there.
        """
        if self._original is None:
            return _NUMBERS[self.source]
        return int(self._original.fileno())

    def flush(self) -> None:
        """Flush the stream behind; the log needs none."""
        if self._original is not None:
            try:
                self._original.flush()
            except (OSError, ValueError) as error:
                reraise_from_signal(error)  # else: the terminal went away; the log has everything

    def close(self) -> None:
        """A handler that closes ``sys.stdout`` does not close it for the others."""

    def write(self, text: str) -> int:
        """Capture *text*, then forward it; returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._capture(text)
        self._forward(text)
        return len(text)

    def capture(self, text: str) -> None:
        """Capture *text*, which has been forwarded before."""
        self._capture(text)

    def write_line(self, text: str) -> None:
        """Capture and forward *text* and a newline: what ``print`` does most of the time."""
        scope = SCOPE.get()
        active = ACTIVE_RUNS.get(scope.run) if scope is not None else None
        if (
            active is None
            or scope is None
            or self._line_buffer
            or NOW.shown is not None
            or "\n" in text
            or len(text) > SHORT
        ):
            self._write_long_line(text)
            return
        journal = active.journal
        if journal is not self._journal:
            self._journal, self._origin = journal, journal.origin(self.source)
        guard = lines.current_redactor
        if text.isascii() and (guard is None or not guard.search(text)):
            try:
                journal.line(scope, self._level, self._origin, text.encode())
            except MemoryError as error:
                reraise_from_signal(error)
                lines.lost_for_memory(journal, scope, 1, len(text))
        else:
            self._remember_key(scope, self._append_part(active, scope, text, None, 0))
        if self._original is not None:
            self._forward(text + "\n")

    def _write_long_line(self, text: str) -> None:
        """As :meth:`write_line`, without a copy of *text* if it is large."""
        if len(text) <= PIECE:
            self.write(text + "\n")
            return
        where = current_place()
        if where is None or self._line_buffer or NOW.shown is not None or "\n" in text:
            self.write(text)
            self.write("\n")
            return
        active, scope, flags = where
        self._remember_key(scope, self._append_part(active, scope, text, None, flags))
        self._forward(text)
        self._forward("\n")

    def finish(self, active: ActiveRun) -> None:
        """The run is over: what has no newline is a line all the same."""
        for key in list(self._line_buffer):
            if key[0].run is active.run and (begun := self._line_buffer.pop(key, None)):
                self._append_begun(active, key[0], begun)

    def _append_begun(self, active: ActiveRun, scope: Scope, begun: LineBuffer) -> None:
        """No newline will come any more."""
        try:
            if text := begun.whole():
                self._append_line(active, scope, begun, text, NO_NEWLINE)
        except MemoryError as error:
            reraise_from_signal(error)
            lines.lost_for_memory(active.journal, scope, 1, begun.size)

    def _capture(self, text: str) -> None:
        where = current_place()
        if where is None or not text:
            return
        shown = NOW.shown
        if shown is not None and shown.is_going_on():
            shown.take(self, text)
            return
        active, scope, flags = where
        try:
            self._take(active, scope, text, flags)
        except MemoryError as error:
            reraise_from_signal(error)
            lines.lost_for_memory(active.journal, scope, 1, len(text))

    def _take(self, active: ActiveRun, scope: Scope, text: str, flags: int) -> None:
        """Append the lines of *text*; the first goes on with what earlier calls brought."""
        first = text.find("\n")
        # Taken out while it is at work: it is nobody else's then, so there is no lock to hold.
        begun = self._line_buffer.pop((scope, threading.get_ident()), None)
        if first < 0:
            self._begin_line(active, scope, begun or LineBuffer(), text, 0, flags)
            return
        start, key = 0, None
        if begun is not None:
            start, key = first + 1, self._end_line(active, scope, begun, text[:first], flags)
        last = text.rfind("\n")
        while start <= last:
            # As many lines as can be looked through in one go, or one that is longer.
            end = text.rfind("\n", start, start + SHORT)
            if end < 0:
                end = text.find("\n", start)
            key = self._append_part(active, scope, text[start:end], key, flags)
            start = end + 1
        if start < len(text):
            self._begin_line(active, scope, LineBuffer(key), text, start, flags)
        else:
            self._remember_key(scope, key)

    def _end_line(
        self, active: ActiveRun, scope: Scope, begun: LineBuffer, text: str, flags: int
    ) -> KeyLines | None:
        """The newline has come of what earlier calls began; returns the key that it leaves open."""
        try:
            begun.add(text)
            pieces = begun.plain_pieces()
            if pieces is None:
                self._append_line(active, scope, begun, begun.whole(), flags)
            else:
                self._append_text(active, scope, pieces, begun.number, flags, LINE)
        except MemoryError as error:
            reraise_from_signal(error)
            lines.lost_for_memory(active.journal, scope, 1, begun.size)
        except BaseException:
            self._keep(active, scope, begun)  # see _begin_line
            raise
        return begun.key

    def _begin_line(
        self,
        active: ActiveRun,
        scope: Scope,
        begun: LineBuffer,
        text: str,
        start: int,
        flags: int,
    ) -> None:
        """What follows *start* in *text* has no newline yet."""
        try:
            for at in range(start, len(text), PIECE):
                begun.add(text[at : at + PIECE])
                self._publish(active, scope, begun, flags)
        finally:
            # Also where a signal handler throws: what earlier calls brought is accepted, and stays.
            self._keep(active, scope, begun)

    def _keep(self, active: ActiveRun, scope: Scope, begun: LineBuffer) -> None:
        """Have the next call of this thread go on with *begun*."""
        place = scope, threading.get_ident()
        while self._line_buffer.setdefault(place, begun) is not begun:
            # A signal handler or finaliser wrote it meanwhile: no part of this line.
            if other := self._line_buffer.pop(place, None):
                self._append_begun(active, scope, other)

    def _remember_key(self, scope: Scope, key: KeyLines | None) -> None:
        """The next line is in the middle of a private key."""
        if key is not None:
            self._line_buffer[scope, threading.get_ident()] = LineBuffer(key)

    def _append_part(
        self, active: ActiveRun, scope: Scope, text: str, key: KeyLines | None, flags: int
    ) -> KeyLines | None:
        """
        Append whole lines, of which the last has no newline any more.

        *key*: the private key that they are in the middle of; returned is the one after them.
        """
        if len(text) <= SHORT and key is None and self._append_plain(active, scope, text, flags):
            return None
        for line in text.split("\n"):
            buffered = LineBuffer(key)
            try:
                self._append_line(active, scope, buffered, line, flags)
            except MemoryError as error:
                reraise_from_signal(error)
                lines.lost_for_memory(active.journal, scope, 1, len(line))
            key = buffered.key
        return key

    def _append_plain(self, active: ActiveRun, scope: Scope, text: str, flags: int) -> bool:
        """Append lines if there is nothing to mask in them, nor to escape."""
        journal, guard = active.journal, lines.current_redactor
        origin = journal.origin(self.source)
        try:
            matches = guard.search(text) if guard is not None else None
            if matches and guard is not None and not guard.is_clean(text, matches):
                return False
            found = text.encode().split(b"\n")
        except UnicodeEncodeError as error:
            reraise_from_signal(error)
            return False
        if len(found) == 1:
            journal.line(scope, self._level, origin, found[0], b"", flags)
        else:
            journal.lines(scope, self._level, origin, found, flags)
        return True

    def _append_line(
        self, active: ActiveRun, scope: Scope, buffered: LineBuffer, line: str, flags: int
    ) -> None:
        """Append a complete line; it replaces the pieces of it that were published before."""
        clean, flags = buffered.masked(line, flags)
        self._append_text(active, scope, clean, buffered.number, flags, LINE)

    def _publish(self, active: ActiveRun, scope: Scope, buffered: LineBuffer, flags: int) -> None:
        """Append what is new of a line without a newline, except for what may become a secret."""
        piece, more = buffered.publishable()
        if not piece:
            return
        if not buffered.number:
            buffered.number = next(_part_numbers)
        self._append_text(active, scope, piece, buffered.number, flags | more, PART)

    def _append_text(
        self,
        active: ActiveRun,
        scope: Scope,
        text: str | list[str],
        number: int,
        flags: int,
        kind: int,
    ) -> None:
        """Append a line, or a part of one; *number*: what marks the parts, if there are any."""
        journal = active.journal
        origin = journal.origin(self.source)
        more = str(number).encode() if number else b""
        if number and kind == LINE:
            flags |= CLOSES_PART
        if isinstance(text, str) and len(text) <= SHORT and text.isascii():
            journal.line(scope, self._level, origin, text.encode(), more, flags, kind)
            return
        undecodable = ("surrogateescape", "surrogatepass")
        lines.append_large(
            journal, scope, self._level, origin, text, more, flags, kind, undecodable
        )

    def _forward(self, text: str) -> None:
        if self._original is not None:
            try:
                if self._is_foreign:
                    self._forward_to_foreign(text)
                elif len(text) <= PIECE:
                    self._original.write(text)
                else:
                    for at in range(0, len(text), PIECE):
                        self._original.write(text[at : at + PIECE])
            except (OSError, ValueError, UnicodeError) as error:
                # Else: the terminal went away or cannot show it; the log has everything.
                reraise_from_signal(error)

    def _forward_to_foreign(self, text: str) -> None:
        with Shown(lambda: text, text):
            self._original.write(text)

    def writelines(self, texts: Iterable[str], /) -> None:  # type: ignore[override]
        """Write each of *texts*; many that are there already are captured faster together."""
        if not isinstance(texts, list | tuple) or self._is_foreign:
            super().writelines(texts)
            return
        for at in range(0, len(texts), TOGETHER):
            some = texts[at : at + TOGETHER]
            if all(type(text) is str for text in some) and sum(map(len, some)) <= PIECE:
                self.write("".join(some))
            else:
                super().writelines(some)

    def write_bytes(self, data: bytes | memoryview) -> None:
        """Capture *data* as text in which undecodable bytes are lone surrogates; forward bytes."""
        decoder = _decoder("surrogateescape")
        for at in range(0, len(data), PIECE):
            piece = bytes(data[at : at + PIECE])
            if text := decoder.decode(piece, at + PIECE >= len(data)):
                self._capture(text)
        behind = getattr(self._original, "buffer", None)
        if behind is None:
            for at in range(0, len(data), PIECE):
                if text := decoder.decode(bytes(data[at : at + PIECE]), at + PIECE >= len(data)):
                    self._forward(text)
            return
        self.flush()  # the text before
        try:
            if self._is_foreign:
                behind.write(bytes(data))
            else:
                for at in range(0, len(data), PIECE):
                    behind.write(data[at : at + PIECE])
        except (OSError, ValueError) as error:
            reraise_from_signal(error)  # else see _forward


class CapturedBytes(io.RawIOBase):
    """The binary side of a captured stream."""

    def __init__(self, stream: CapturedStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any) -> int:
        """Capture bytes, then forward them; returns how many they are."""
        given = data if type(data) is bytes else memoryview(data)
        if not isinstance(given, bytes):
            given = given.cast("B") if given.contiguous else given.tobytes()
        self._stream.write_bytes(given)
        return len(given)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def close(self) -> None:
        """As that of the text side: a wrapper that is collected closes it for nobody."""

    def fileno(self) -> int:
        """The descriptor of the stream behind."""
        return self._stream.fileno()
