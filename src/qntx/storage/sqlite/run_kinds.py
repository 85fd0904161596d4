"""How a job came to run decides what can be asked of it."""

from __future__ import annotations

import apsw

from qntx.errors import Conflict


def check_run_kind(db: apsw.Connection, job_id: str, request: str) -> None:
    """Raises Conflict where no handler stands behind the job, so that *request* makes no sense."""
    sql = (
        "SELECT run_kind, (SELECT pid FROM job_attempts a WHERE a.job_id = j.id"
        " ORDER BY attempt DESC LIMIT 1) FROM async_ix_jobs j WHERE id = ?"
    )
    for run_kind, pid in db.execute(sql, (job_id,)):
        if run_kind == "command" and request != "cancel":
            raise Conflict(
                f"job {job_id} is a command, not a handler - run it again with qntx run"
                if request == "retry"
                else f"job {job_id} is a command, which can only be cancelled (qntx cancel)"
            )
        if run_kind == "block":
            raise Conflict(
                f"job {job_id} is a block of a program (qntx.capture) - run that again"
                if request == "retry"
                else f"job {job_id} is a block of the program with process id {pid} - stop that"
            )
