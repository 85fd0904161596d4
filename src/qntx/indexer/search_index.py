"""
The search index, built beside the rounds: a block of lines at a time, each a few milliseconds.

For each block of about a thousand lines it keeps which runs of four bytes their messages hold. A
block and how far the index has come are stored in one transaction; what it does not cover yet is
looked through, so that nothing depends on it but speed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import apsw

from qntx.errors import StoreUnavailable
from qntx.indexer.state import SEQ_MASK
from qntx.journal.format import BODY_APART
from qntx.model.text_match import fold
from qntx.storage.sqlite.connection import committing, connect
from qntx.storage.sqlite.search_blocks import GRAM, HASH

BLOCK_LINES = 1_024
#: A block ends early where its messages are long; of one longer than this nothing is known.
BLOCK_BYTES = 1 << 20
BITS = 1 << 16
#: Bits are shared until at least this share of them is set.
FULL = 0.1
SMALLEST_BITS = 1 << 10
#: While lines come without a break: this share of the time, and how much of it is saved, seconds.
SHARE = 0.05
SAVED_S = 0.05
#: After a look that found too few lines, at least so many records come before the next.
FEWEST_RECORDS = 128
#: numpy is loaded after so long without lines, or with enough of them waiting, seconds.
QUIET_S = 1.0
MAX_BEHIND_S = 5.0
#: Pages of write-ahead log (4 KiB each) after which it is folded into the database.
CHECKPOINT_PAGES = 8_000

_WAITING = (
    "SELECT run_key, indexed, stored FROM job_attempts INDEXED BY attempts_unindexed"
    f" WHERE stored > indexed ORDER BY run_key LIMIT {BLOCK_LINES}"
)
_MESSAGES = f"""
SELECT l.id, l.ts, l.level, CAST(CASE WHEN l.flags & {BODY_APART} THEN
       (SELECT iif(octet_length(b.body) > {BLOCK_BYTES}, NULL, b.body)
        FROM log_bodies b WHERE b.id = l.id)
       ELSE l.message END AS BLOB)
FROM log_lines l WHERE l.id > ? AND l.id <= ? ORDER BY l.id LIMIT ?
"""


class SearchIndex:
    """Builds the index of the database at *path*; one process calls it, between its rounds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None
        self._numpy: Any = None
        self._loading: threading.Thread | None = None
        self._allowed_s = 0.0
        #: Something is wrong that another turn would not mend.
        self._off = False
        #: Whether enough lines may wait, and since when; or how many records come before that.
        self._behind = True
        self._behind_since = self._records_at = time.monotonic()
        self._records_to_come = 0

    def records_came(self, records: int, took_s: float) -> None:
        """A round stored records, most of them lines; it took so long."""
        self._records_at = time.monotonic()
        self._allowed_s = min(self._allowed_s + took_s * SHARE, SAVED_S)
        self._records_to_come -= records
        if not self._behind and self._records_to_come <= 0:
            self._behind, self._behind_since = True, self._records_at

    def turn(self, *, idle: bool) -> bool:
        """
        Index a block, if enough lines wait and, unless *idle*, there is time left for it.

        Returns whether it did. What the database refuses is tried again at another turn.
        """
        if self._off or not self._behind or not (idle or self._allowed_s > 0) or not self._ready():
            return False
        began = time.monotonic()
        try:
            done = self._step()
        except (apsw.BusyError, StoreUnavailable):
            return False
        except apsw.Error:
            self.close()
            return False
        except Exception:  # noqa: BLE001 - lines are stored and found without it, if more slowly
            traceback.print_exc()
            self._off = True
            return False
        finally:
            if not idle:
                self._allowed_s -= time.monotonic() - began
        return done

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _step(self) -> bool:
        if self._connection is None:
            self._connection = connect(self._path, make=False, busy_timeout_ms=0)
            # Blocks that a power failure takes are built again, with what it took of the progress.
            self._connection.execute(
                f"PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4000;"
                f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}"
            ).fetchall()
        waiting: list[Any] = self._connection.execute(_WAITING).fetchall()
        lines = sum(stored - indexed for _, indexed, stored in waiting)
        if lines < BLOCK_LINES:
            self._behind = False
            self._records_to_come = max(BLOCK_LINES - lines, FEWEST_RECORDS)
            return False
        if self._numpy is None:
            self._load()
            return False
        block = Block()
        for run_key, indexed, stored in waiting:
            if not block.full:
                block.take(run_key, indexed, stored, self._connection)
        block.store(self._connection, self._numpy)
        return True

    def _ready(self) -> bool:
        """Whether numpy is there, or nobody notices now that it is imported."""
        now = time.monotonic()
        return (
            self._numpy is not None
            or now - self._records_at >= QUIET_S
            or now - self._behind_since >= MAX_BEHIND_S
        )

    def _load(self) -> None:
        """Have numpy imported beside the rounds: it takes as long as dozens of them."""
        if self._loading is None:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no threads of its own
            self._loading = threading.Thread(target=_import_numpy, name="qntx-numpy", daemon=True)
            self._loading.start()
        elif not self._loading.is_alive():
            self._numpy = importlib.import_module("numpy")


def _import_numpy() -> None:
    with contextlib.suppress(Exception):  # what is wrong is said when it is used
        importlib.import_module("numpy")


class Block:
    """Lines that are indexed together."""

    def __init__(self) -> None:
        self.lines = 0
        self._size = 0
        #: (run key, indexed before, indexed with this block)
        self._progress: list[tuple[int, int, int]] = []
        self._messages: list[bytes] = []
        self._times: list[int] = []
        self._levels: list[int] = []
        self._unknown = False

    @property
    def full(self) -> bool:
        """Whether it takes no more lines."""
        return self.lines >= BLOCK_LINES or self._size >= BLOCK_BYTES

    def take(self, run_key: int, indexed: int, stored: int, connection: apsw.Connection) -> None:
        """Add the lines of an attempt that are not indexed, as far as there is room."""
        base, last = run_key << 32, stored
        cursor = connection.execute(
            _MESSAGES, (base | indexed, base | stored, BLOCK_LINES - self.lines)
        )
        for line_id, at, level, message in cursor:
            self.lines += 1
            self._times.append(at)
            self._levels.append(level)
            if message is None:
                self._unknown = True
            else:
                self._messages.append(message)
                self._size += len(message)
            if self.full:
                last = line_id & SEQ_MASK
                cursor.close()
                break
        self._progress.append((run_key, indexed, last))

    def store(self, connection: apsw.Connection, numpy: Any) -> None:
        """Write it, and how far the index has come, unless somebody else moved that meanwhile."""
        bits = None if self._unknown else signature(self._messages, numpy)
        ends = (
            min(self._times, default=0),
            max(self._times, default=0),
            max(self._levels, default=0),
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            with committing(connection):
                connection.execute(
                    "INSERT INTO search_blocks(lines, first_ts, last_ts, max_level, bits)"
                    " VALUES(?, ?, ?, ?, ?)",
                    (self.lines, *ends, bits),
                )
                number = connection.last_insert_rowid()
                for run_key, before, last in self._progress:
                    base = run_key << 32
                    connection.execute(
                        "INSERT INTO search_segments VALUES(?, ?, ?)",
                        (base | (before + 1), base | last, number),
                    )
                    connection.execute(
                        "UPDATE job_attempts SET indexed = ? WHERE run_key = ? AND indexed = ?",
                        (last, run_key, before),
                    )
                    if not connection.changes():
                        raise _Overtaken
        except _Overtaken:
            pass  # its lines were deleted: the next block begins with what there is


class _Overtaken(Exception):
    """An attempt was forgotten while its lines were read."""


def signature(messages: list[bytes], numpy: Any) -> bytes:
    """The bits of a block: one for each run of four bytes in *messages*, however written."""
    data = fold(b"\n".join(messages) + b"\n" * GRAM)
    grams = numpy.ndarray((len(data) - GRAM + 1,), "<u4", data, strides=(1,))
    held = numpy.zeros(BITS, numpy.bool_)
    held[(grams * numpy.uint32(HASH)) >> numpy.uint32(16)] = True
    while len(held) > SMALLEST_BITS and numpy.count_nonzero(held) < FULL * len(held):
        half = len(held) // 2
        held = held[:half] | held[half:]
    return bytes(numpy.packbits(held, bitorder="little"))
