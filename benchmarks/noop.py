"""The application whose jobs the benchmark of the queue runs: they do nothing, or tell the time."""

from __future__ import annotations

import time
from typing import Any

import qntx

app = qntx.App()


@app.handler("bench.noop")
def noop(ctx: qntx.JobContext, payload: Any) -> None:
    """Does nothing."""


@app.handler("bench.time")
def tell_time(ctx: qntx.JobContext, payload: Any) -> int:
    """The monotonic clock's nanoseconds when the handler begins; one clock for all processes."""
    return time.monotonic_ns()
