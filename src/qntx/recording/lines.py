"""From the output of a source to a record in the journal: encode, redact, append."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qntx.journal.format import LINE, RAW, REDACTED
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.large_record import LARGE, PIECE
from qntx.journal.run_scope import Origin, Run, Scope
from qntx.journal.writer import Journal
from qntx.model.log import WARN
from qntx.recording.context import ActiveRun
from qntx.recording.formats import is_secret_name
from qntx.recording.metadata import cleaned, encode_metadata, encode_tree, jsonable, unstorable
from qntx.recording.redaction import Redactor
from qntx.recording.search_windows import SHORT

#: What a wrong call (a message that is no text, …) raises here. Nothing wider: an exception that a
#: signal handler throws in the middle of it (a timeout) belongs to the job.
WRONG_CALL = (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RuntimeError)

#: The redactor in force; None when redaction is switched off. The hot paths look at it directly.
current_redactor: Redactor | None = None


def set_redactor(redactor: Redactor | None) -> None:
    """Use *redactor* for every line from now on; None switches redaction off."""
    global current_redactor
    current_redactor = redactor


def redactor() -> Redactor | None:
    """The redactor in force."""
    return current_redactor


def append_line(
    active: ActiveRun,
    scope: Scope,
    level: int,
    origin: Origin,
    message: str,
    metadata: Mapping[str, Any] | None = None,
    flags: int = 0,
) -> None:
    """Append one line under *scope*."""
    journal = active.journal
    try:
        guard = current_redactor
        if len(message) > SHORT:
            # Nothing of it may be copied more often than it must.
            clean = message if guard is None else guard.text(message)
            flags = flags if clean is message else flags | REDACTED
            more, flags = _metadata(metadata, flags) if metadata else (b"", flags)
            append_large(journal, scope, level, origin, clean, more, flags)
            return
        if guard is not None:
            try:
                suspicious = bool(guard.search(message))
            except UnicodeEncodeError:
                suspicious = True
            if suspicious:
                clean = guard.text(message)
                if clean is not message:
                    message, flags = clean, flags | REDACTED
        try:
            data = message.encode()
        except UnicodeEncodeError:
            data, flags = message.encode("utf-8", "surrogatepass"), flags | RAW
        more = b""
        if metadata:
            more, flags = _metadata(metadata, flags)
            if len(more) > LARGE:
                append_large(journal, scope, level, origin, message, more, flags)
                return
        journal.line(scope, level, origin, data, more, flags)
    except MemoryError as error:
        reraise_from_signal(error)
        lost_for_memory(journal, scope, 1, len(message))


def append_large(
    journal: Journal,
    scope: Scope,
    level: int,
    origin: Origin,
    message: str | Sequence[str],
    metadata: bytes = b"",
    flags: int = 0,
    kind: int = LINE,
    undecodable: tuple[str, ...] = ("surrogatepass",),
) -> None:
    """
    Append a line of any size, or the pieces of one: a large one is encoded piece by piece.

    *undecodable*: what becomes of lone surrogates, the first that can. Raises MemoryError.
    """

    handlers = ["strict", *undecodable]

    texts = (message,) if isinstance(message, str) else message

    def pieces() -> Iterator[bytes]:
        for text in texts:
            for at in range(0, len(text), PIECE):
                yield text[at : at + PIECE].encode("utf-8", handlers[0])

    while True:
        try:
            size = sum(map(len, pieces()))
            break
        except UnicodeEncodeError:
            handlers.pop(0)
            flags |= RAW
    if size + len(metadata) > LARGE:
        journal.large_line(scope, level, origin, pieces, size, metadata, flags, kind)
    else:
        journal.line(scope, level, origin, b"".join(pieces()), metadata, flags, kind)


def lost_for_memory(journal: Journal, scope: Scope, lines: int, size: int) -> None:
    """*lines* lines of *size* characters found no memory: say so in their place."""
    try:
        journal.lost(scope, lines, size, "not enough memory")
    except MemoryError as error:
        reraise_from_signal(error)
        scope.run.accepted += lines  # not even for that: the receipt knows that they are missing


def log_not_captured(active: ActiveRun, scope: Scope, what: str, error: OSError) -> None:
    """Log that the output of *what* goes past the log, which lacks it; the job itself goes on."""
    active.journal.lost(scope, 1, 0, f"the output of {what} is not captured: {error}")


def log_credited_at_large(active: ActiveRun, scope: Scope, what: str, error: OSError) -> None:
    """Log that the output of *what* is credited to the attempt as a whole, and why."""
    text = f"the output of {what} has no stream of its own: {error}"
    append_line(active, scope, WARN, active.journal.origin("system"), text)


def append_line_to(
    journal: Journal,
    log: str,
    level: int,
    source: str,
    message: str,
    metadata: Mapping[str, Any] | None = None,
    *,
    attempt: int = 1,
) -> None:
    """Append one line to the log of a job, a schedule or the system, from outside of its run."""
    active = ActiveRun(Run(log, attempt), journal)
    append_line(active, active.root, level, journal.origin(source), message, metadata)


def record_event(active: ActiveRun, scope: Scope, kind: str, fields: dict[str, Any]) -> None:
    """Append an event of *scope*; what JSON cannot hold of *fields* becomes a marker."""
    try:
        active.journal.event(scope, kind, fields)
    except (TypeError, ValueError, UnicodeError, OverflowError, RecursionError) as error:
        reraise_from_signal(error)
        active.journal.event(scope, kind, jsonable(fields))


def masked(value: Any, *, is_tree: bool = False) -> Any:
    """
    *value* (text, or something for JSON) with the secrets in it replaced; never raises.

    *is_tree*: it is a tree that JSON can hold already.
    """
    guard = current_redactor
    if guard is None or value is None or isinstance(value, int | float):
        return value
    if type(value) is str:
        return guard.text(value)
    try:
        return guard.metadata(value if is_tree else jsonable(value))
    except RecursionError as error:
        reraise_from_signal(error)
        return guard.metadata(jsonable(value))
    except Exception as error:  # noqa: BLE001 - rather nothing than a secret
        reraise_from_signal(error)
        return unstorable(value, f"{type(error).__name__} while masking it")


def _metadata(given: Any, flags: int) -> tuple[bytes, int]:
    metadata = given if isinstance(given, Mapping) else {"metadata": given}
    guard = current_redactor
    if guard is None:
        return encode_metadata(metadata), flags
    tree, names = cleaned(metadata)
    try:
        data = encode_tree(tree)
        if not any(map(is_secret_name, names)) and not guard.suspects(data):
            return data, flags
        found = encode_tree(guard.metadata(tree))
    except Exception as error:  # noqa: BLE001 - rather nothing than a secret
        reraise_from_signal(error)
        marker = unstorable(metadata, f"{type(error).__name__} while masking it")
        return encode_tree({"metadata": marker}), flags
    return (data, flags) if found == data else (found, flags | REDACTED)
