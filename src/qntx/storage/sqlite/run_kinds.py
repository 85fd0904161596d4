"""By which door a job came in decides what can be asked of it."""

from __future__ import annotations

import apsw

from qntx.errors import Conflict


def check_run_kind(db: apsw.Connection, job_id: str, wish: str) -> None:
    """Raises Conflict where no handler stands behind the job, so that *wish* has no sense."""
    sql = (
        "SELECT door, (SELECT pid FROM job_attempts a WHERE a.job_id = j.id"
        " ORDER BY attempt DESC LIMIT 1) FROM async_ix_jobs j WHERE id = ?"
    )
    for door, pid in db.execute(sql, (job_id,)):
        if door == "command" and wish != "cancel":
            raise Conflict(
                f"job {job_id} is a command, not a handler - run it again with qntx run"
                if wish == "retry"
                else f"job {job_id} is a command, which can only be cancelled (qntx cancel)"
            )
        if door == "block":
            raise Conflict(
                f"job {job_id} is a block of a program (qntx.capture) - run that again"
                if wish == "retry"
                else f"job {job_id} is a block of the program with process id {pid} - stop that"
            )
