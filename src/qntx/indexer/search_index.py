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
from typing import Any

from qntx.errors import StoreBusy, StoreUnavailable
from qntx.model.grams import signature
from qntx.storage.interfaces.search_index import BlockRow, SearchIndexWriter, Unindexed

BLOCK_LINES = 1_024
#: A block ends early where its messages are long; of one longer than this nothing is known.
BLOCK_BYTES = 1 << 20
#: While lines come without a break: this share of the time, and how much of it is saved, seconds.
SHARE = 0.05
SAVED_S = 0.05
#: After a look that found too few lines, at least so many records come before the next.
FEWEST_RECORDS = 128
#: numpy is loaded after so long without lines, or with enough of them waiting, seconds.
QUIET_S = 1.0
MAX_BEHIND_S = 5.0


class SearchIndex:
    """Builds the index through *writer*; one process calls it, between its rounds."""

    def __init__(self, writer: SearchIndexWriter) -> None:
        self._writer = writer
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

        Returns whether it did. What the store refuses is tried again at another turn.
        """
        if self._off or not self._behind or not (idle or self._allowed_s > 0) or not self._ready():
            return False
        began = time.monotonic()
        try:
            done = self._step()
        except StoreBusy:
            return False
        except StoreUnavailable:
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
        self._writer.close()

    def _step(self) -> bool:
        waiting = self._writer.unindexed(BLOCK_LINES)
        lines = sum(stored - indexed for _, indexed, stored in waiting)
        if lines < BLOCK_LINES:
            self._behind = False
            self._records_to_come = max(BLOCK_LINES - lines, FEWEST_RECORDS)
            return False
        if self._numpy is None:
            self._load()
            return False
        block = Block()
        for part in waiting:
            if not block.full:
                block.take(part, self._writer)
        # Not stored, its lines were deleted: the next block begins with what there is.
        self._writer.store(block.row(self._numpy), block.parts)
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
        #: What of each attempt is in it.
        self.parts: list[Unindexed] = []
        self._messages: list[bytes] = []
        self._times: list[int] = []
        self._levels: list[int] = []
        self._unknown = False

    @property
    def full(self) -> bool:
        """Whether it takes no more lines."""
        return self.lines >= BLOCK_LINES or self._size >= BLOCK_BYTES

    def take(self, part: Unindexed, writer: SearchIndexWriter) -> None:
        """Add the lines of an attempt that are not indexed, as far as there is room."""
        last = part.stored
        for seq, at, level, message in writer.lines(part, BLOCK_LINES - self.lines, BLOCK_BYTES):
            self.lines += 1
            self._times.append(at)
            self._levels.append(level)
            if message is None:
                self._unknown = True
            else:
                self._messages.append(message)
                self._size += len(message)
            if self.full:
                last = seq
                break
        self.parts.append(part._replace(stored=last))

    def row(self, numpy: Any) -> BlockRow:
        """It, as it is stored."""
        return BlockRow(
            self.lines,
            min(self._times, default=0),
            max(self._times, default=0),
            max(self._levels, default=0),
            None if self._unknown else signature(self._messages, numpy),
        )
