"""
Jobs on a queue: ``qntx -A examples.queue_app serve`` runs them, this puts one on.

    python -m examples.queue_app 2026-01-31
"""

from __future__ import annotations

import sys

import msgspec

import qntx

app = qntx.App()


class Report(msgspec.Struct):
    """The day that is reported on."""

    day: str


@app.handler("reports.daily", max_attempts=3)
def daily(ctx: qntx.JobContext, report: Report) -> dict[str, int]:
    """Count the rows of a day."""
    with ctx.emit.stage("collect", f"Collecting {report.day}"):
        rows = 4211
        ctx.emit.progress(1, 2)
    with ctx.emit.stage("send"):
        print(f"{rows} rows sent")
        ctx.emit.progress(2, 2)
    return {"rows": rows}


if __name__ == "__main__":
    print(app.enqueue("reports.daily", {"day": sys.argv[1]}))
