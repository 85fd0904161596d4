"""Handlers that are out of luck: one is retried soon, one late; one waits for a child."""

from __future__ import annotations

from qntx import App, JobContext
from qntx.model.retry import Backoff
from qntx.runtime.context import WaitingForChildren

app = App()


def fail(ctx: JobContext) -> None:
    """Say which attempt it is, and fail."""
    with ctx.emit.stage("connect"):
        for number in range(30):
            ctx.emit.info(f"attempt {ctx.attempt}, try {number}")
        raise OSError(f"no route in attempt {ctx.attempt}")


@app.handler("tests.soon", max_attempts=2, backoff=Backoff(base_s=8), retry_on=OSError)
def soon(ctx: JobContext, payload: object) -> None:
    """Fail twice, some seconds apart."""
    fail(ctx)


@app.handler("tests.late", max_attempts=2, backoff=Backoff(base_s=3600), retry_on=OSError)
def late(ctx: JobContext, payload: object) -> None:
    """Fail, and wait for long."""
    fail(ctx)


@app.handler("tests.sleepy")
def sleepy(ctx: JobContext, payload: object) -> None:
    """Run until it is cancelled."""
    ctx.sleep(600)


@app.handler("tests.parent")
def parent(ctx: JobContext, payload: object) -> WaitingForChildren | None:
    """Wait for a child."""
    if ctx.state is not None:
        return None
    ctx.spawn("tests.sleepy")
    return ctx.after_children({"spawned": True})
