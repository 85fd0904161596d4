"""Lines put into a database by the indexer's own statements, without a run that says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from qntx.indexer.keys import Keys
from qntx.indexer.sequencing import store_lines, tally
from qntx.journal.format import RAW, is_text
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.log_writer import SqliteLogWriter


class Said(NamedTuple):
    """One line."""

    message: bytes = b""
    level: int = 20
    stage: str | None = None
    task: str | None = None
    source: str = "emitter"
    logger: str | None = None
    at_us: int = 1_000_000
    metadata: bytes = b""
    marks: int = 0

    @property
    def flags(self) -> int:
        return self.marks | (0 if is_text(self.message) else RAW)


def store(db: apsw.Connection, job_id: str, lines: Sequence[Said], attempt: int = 1) -> int:
    """Append *lines* to the log of an attempt, made if need be; returns its run key."""
    with transaction(db):
        db.execute(
            "INSERT OR IGNORE INTO async_ix_jobs(id, source, status, handler_name, created_at,"
            " updated_at) VALUES(?, 'about ' || ?1, 'completed', 'test', '', '')",
            (job_id,),
        )
        writer = SqliteLogWriter(db)
        keys = Keys(writer)
        run = keys.run(job_id, attempt)
        pending = [
            (
                n,
                keys.context(run, said.stage, said.task),
                keys.origin(said.source, said.logger),
                said.at_us,
                said.level,
                said.flags,
                said.message,
                said.metadata,
            )
            for n, said in enumerate(lines)
        ]
        writer.add_counts(*tally(store_lines(writer, pending, several=False), [run]))
    return run.run_key


def clear(db: apsw.Connection) -> None:
    """Delete all lines, and all jobs."""
    for table in ("log_lines", "log_contexts", "log_bodies", "job_attempts", "async_ix_jobs"):
        db.execute(f"DELETE FROM {table}")
