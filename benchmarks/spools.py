"""What went past Python: lines a second from a file into the store, beside line by line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from measure import Report, median, messages
from qntx.indexer.drain import Drain
from qntx.indexer.masking import Masked, masked_lines
from qntx.indexer.spool_file import SPOOL_CHUNK_BYTES
from qntx.journal.format import RAW, REDACTED, is_text
from qntx.journal.relay_process import HEADER_BYTES, MAGIC, mark_ended
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
from qntx.recording.formats import KeyLines
from qntx.recording.redaction import Redactor, from_environment, masked_line
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.migrate import open_database

LINES = 200_000
ROUNDS = 5


def measure(home: Path, report: Report) -> None:
    """A file of 20 MB that is there, read in turn by today's way and by a search of each line."""
    said = "\n".join(messages(LINES)).encode() + b"\n"
    at_once, by_line = [], []
    for number in range(ROUNDS):
        at_once.append(rate(home / f"block{number}", said))
        with mock.patch("qntx.indexer.masking.masked_lines", line_by_line):
            by_line.append(rate(home / f"line{number}", said))
    report.head(f"Reading what went past Python ({LINES:,} lines a round, medians of {ROUNDS})")
    report.note(
        f"lines per second of CPU: {median(at_once):,.0f}; line by line: {median(by_line):,.0f}"
    )
    ratios = [one / other for one, other in zip(at_once, by_line, strict=True)]
    report.bar("against a search of each line", median(ratios), 1.1, "×", at_least=True)
    guard = Redactor(from_environment())
    searches = [
        masking_s(line_by_line, guard, said) / masking_s(masked_lines, guard, said)
        for _ in range(ROUNDS)
    ]
    report.bar("splitting and masking alone", median(searches), 1.5, "×", at_least=True)


def masking_s(
    masked: Callable[[Redactor, bytes, KeyLines | None], Masked], guard: Redactor, said: bytes
) -> float:
    """CPU time of it, by blocks of the size that is read."""
    began = time.process_time()
    for at in range(0, len(said), SPOOL_CHUNK_BYTES):
        masked(guard, said[at : at + SPOOL_CHUNK_BYTES], None)
    return time.process_time() - began


def rate(home: Path, said: bytes) -> float:
    """Lines a second of CPU time, from the file to the committed rows."""
    folder = home / "journal"
    (folder / "spool").mkdir(parents=True)
    journal = Journal(folder)
    scope = Scope(Run("JB_1", 1))
    name = f"{journal.producer}.1.1.stdout.spool"
    with open(folder / "spool" / name, "w+b") as file:
        file.write(MAGIC.ljust(HEADER_BYTES, b"\0") + said)
        file.flush()
        mark_ended(file.fileno())
    stream = {"name": name, "stream": "stdout", "source": "subprocess"}
    journal.event(scope, "spool", {**stream, "shared": False, "keep": False})
    db = open_database(home / "qntx.db")
    drain = Drain(folder, SqliteLogWriter(db))
    began = time.process_time()
    while drain.round(check_deaths=True):
        pass
    took_s = time.process_time() - began
    [(stored,)] = db.execute("SELECT count(*) FROM log_lines").fetchall()
    assert stored == LINES, stored
    drain.close()
    journal.close()
    db.close()
    return LINES / took_s


def line_by_line(guard: Redactor | None, block: bytes, key: KeyLines | None) -> Masked:
    """As it was: each line is decoded, searched and looked at by itself."""
    lines, flags = [], {}
    for number, data in enumerate(block.split(b"\n")):
        text = clean = data.decode("utf-8", "surrogateescape")
        if guard is not None:
            clean, key = masked_line(guard, text, key)
        marks = 0
        if clean is not text:
            marks, data = REDACTED, clean.encode("utf-8", "surrogateescape")
        if not is_text(data):
            marks |= RAW
        if marks:
            flags[number] = marks
        lines.append(data)
    return Masked(lines, flags, key)
