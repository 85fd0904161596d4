"""A stand-in for ``sys.stdout`` or ``sys.stderr``: every line written to it is a log line."""

from __future__ import annotations

import io
import threading
from itertools import count
from typing import Any

from qntx.journal.format import CLOSES_PART, NO_NEWLINE, PART, RAW
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Origin, Scope
from qntx.journal.writer import Journal
from qntx.locks import holding
from qntx.model.log import INFO, WARN
from qntx.recording import lines
from qntx.recording.console import DirectStream
from qntx.recording.context import ACTIVE_RUNS, SCOPE, ActiveRun, current_place
from qntx.recording.line_buffer import LineBuffer, raw
from qntx.recording.showing import NOW, Shown

_part_numbers = count(1)
_LEVELS = {"stdout": INFO, "stderr": WARN}
_NUMBERS = {"stdout": 1, "stderr": 2}


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
        self._lock = threading.RLock()
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
        """Begin anew: unfinished lines are the parent's, and so is whoever held the lock."""
        self._lock = threading.RLock()
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
        ):
            self.write(text + "\n")
            return
        journal = active.journal
        if journal is not self._journal:
            self._journal, self._origin = journal, journal.origin(self.source)
        guard = lines.current_redactor
        if text.isascii() and (guard is None or not guard.search(text)):
            journal.line(scope, self._level, self._origin, text.encode())
        else:
            self._line(journal, scope, text)
        if self._original is not None:
            self._forward(text + "\n")

    def _line(self, journal: Journal, scope: Scope, text: str) -> None:
        """A line that may hold a secret, or lone surrogates."""
        buffered = LineBuffer()
        data, flags = buffered.encoded(text, 0)
        journal.line(scope, self._level, self._origin, data, b"", flags)
        if buffered.key is not None:
            self._line_buffer[scope, threading.get_ident()] = buffered

    def finish(self, active: ActiveRun) -> None:
        """The run is over: what has no newline is a line all the same."""
        holding(self._lock, self._finish, active)

    def _finish(self, active: ActiveRun) -> None:
        for key in [key for key in list(self._line_buffer) if key[0].run is active.run]:
            buffered = self._line_buffer.pop(key)
            if whole := buffered.whole():
                self._append_line(active, key[0], buffered, whole, NO_NEWLINE)

    def _capture(self, text: str) -> None:
        where = current_place()
        if where is None or not text:
            return
        shown = NOW.shown
        if shown is not None and shown.is_going_on():
            shown.take(self, text)
            return
        active, scope, flags = where
        holding(self._lock, self._add, active, scope, flags, text)

    def _add(self, active: ActiveRun, scope: Scope, flags: int, text: str) -> None:
        """Append the lines that *text* completes, and keep the rest; with the lock held."""
        key = (scope, threading.get_ident())
        buffered = self._line_buffer.get(key) or LineBuffer()
        try:
            self._line_buffer.pop(key, None)
            buffered.add(text)
            if buffered.ended:
                *whole, last = buffered.whole().split("\n")
                for line in whole:
                    self._append_line(active, scope, buffered, line, flags)
                    buffered = LineBuffer(buffered.key)
                buffered.add(last)
            if buffered:
                self._line_buffer[key] = buffered
                self._publish(active, scope, buffered, flags)
        except BaseException:
            # Thrown in by a signal handler: what earlier calls brought is accepted, and stays.
            if buffered:
                self._line_buffer[key] = buffered
            raise

    def _append_line(
        self, active: ActiveRun, scope: Scope, buffered: LineBuffer, line: str, flags: int
    ) -> None:
        """Append a complete line; it replaces the pieces of it that were published before."""
        origin = active.journal.origin(self.source)
        data, flags = buffered.encoded(line, flags)
        number = b""
        if buffered.number:
            number, flags = str(buffered.number).encode(), flags | CLOSES_PART
        active.journal.line(scope, self._level, origin, data, number, flags)

    def _publish(self, active: ActiveRun, scope: Scope, buffered: LineBuffer, flags: int) -> None:
        """Append what is new of a line without a newline, except for what may become a secret."""
        piece, more = buffered.publishable()
        if not piece:
            return
        if not buffered.number:
            buffered.number = next(_part_numbers)
        flags |= more
        try:
            data = piece.encode()
        except UnicodeEncodeError:
            data, flags = raw(piece), flags | RAW
        origin = active.journal.origin(self.source)
        number = str(buffered.number).encode()
        active.journal.line(scope, self._level, origin, data, number, flags, PART)

    def _forward(self, text: str) -> None:
        if self._original is not None:
            try:
                if self._is_foreign:
                    self._forward_to_foreign(text)
                else:
                    self._original.write(text)
            except (OSError, ValueError, UnicodeError) as error:
                # Else: the terminal went away or cannot show it; the log has everything.
                reraise_from_signal(error)

    def _forward_to_foreign(self, text: str) -> None:
        with Shown(lambda: text, text):
            self._original.write(text)

    def write_bytes(self, data: bytes) -> None:
        """Capture *data* as text in which undecodable bytes are lone surrogates; forward bytes."""
        text = data.decode("utf-8", "surrogateescape")
        self._capture(text)
        behind = getattr(self._original, "buffer", None)
        if behind is None:
            self._forward(text)
            return
        self.flush()  # the text before
        try:
            behind.write(data)
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
        given = memoryview(data).tobytes()
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
