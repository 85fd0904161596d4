"""Receipts in SQLite: what an attempt (or all of a job) has accepted, stored, lost and not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from qntx.model.receipt import Receipt
from qntx.storage.interfaces.log_rows import SPOOL_IDLE, SPOOL_STORED

#: Of attempts called a, together: how many are at work, their streams that are not at their end,
#: and the names of those whose end was not seen.
STREAMS = f"""
total(a.ended_at IS NULL AND a.status = 'running'),
total((SELECT count(*) FROM log_spools s
    CROSS JOIN log_contexts c ON c.context_key = s.context_key
    WHERE c.run_key = a.run_key AND s.state & {SPOOL_STORED | SPOOL_IDLE} = 0)),
group_concat(a.unseen_streams, char(10))
"""


def receipt_of(row: Sequence[Any]) -> Receipt:
    """The receipt of accepted, stored, lost and redacted lines, and what `STREAMS` gives."""
    accepted, stored, lost, redactions, running, open_streams, unseen = row
    names = [name for some in (unseen or "").splitlines() for name in msgspec.json.decode(some)]
    counts = (int(number or 0) for number in (accepted, stored, lost, redactions))
    return Receipt.of(
        *counts, running=bool(running), open_streams=int(open_streams or 0), unseen=names
    )
