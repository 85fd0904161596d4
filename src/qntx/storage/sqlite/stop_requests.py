"""What somebody asks a running job for, read by the process that runs it."""

from __future__ import annotations

from pathlib import Path

import apsw


def stop_request_of(database: Path, job_id: str) -> str | None:
    """
    What somebody asks the running job *job_id* for: ``cancel``, ``pause`` or nothing (None).

    Raises apsw.Error. The database is open for this look only, so that no fork inherits it.
    """
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        sql = "SELECT stop_request FROM async_ix_jobs WHERE id = ? AND status = 'running'"
        for (request,) in connection.execute(sql, (job_id,)):
            return None if request is None else str(request)
        return None
    finally:
        connection.close()
