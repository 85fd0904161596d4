"""What is right: type checkers say nothing, and the types of what comes back are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_type

import qntx
from qntx.testing import JobRun, run_job


@dataclass
class Greeting:
    name: str


class Mailer:
    def send(self, text: str) -> None: ...


app = qntx.App(home="data", app=["shop.jobs"], server={"port": 0}, capture=None)
SOON = qntx.Backoff(base_s=0.1)


@app.handler("greets", aliases=("g",), max_attempts=3, retry_on=OSError, backoff=SOON)
def greets(ctx: qntx.JobContext, payload: Greeting) -> dict[str, int]:
    with ctx.emit.stage("hello"):
        ctx.emit.info("hello", name=payload.name)
    ctx.get(Mailer).send(payload.name)
    assert_type(ctx.get(Mailer), Mailer)
    assert_type(ctx.spawn("greets", Greeting("Ada"), priority=1, unique=True), str)
    return {"letters": len(payload.name)}


@app.handler("greets.async", timeout_s=2, retry_on=[OSError, ValueError], metered=True)
async def greets_async(ctx: qntx.JobContext, payload: dict[str, Any]) -> None: ...


@app.handler("greets.class")
class Greets:
    def run(self, ctx: qntx.JobContext, payload: Greeting) -> qntx.WaitingForChildren:
        return ctx.after_children({"name": payload.name})


@app.handler("greets.async-class")
class GreetsAsync:
    async def run(self, ctx: qntx.JobContext, payload: str) -> None: ...


registry = qntx.Registry()
registry.handler("short")(greets_async)
registry.schedule("nightly", "0 3 * * *", "short", overlap="queue", missed=qntx.Missed("all", 20))
app.include(registry)
app.schedule("crawl", "every 10m", "greets", overlap=qntx.Overlap("parallel", 3), missed="skip")
app.provide(Mailer, lambda settings: Mailer())

# What is decorated stays what it is.
assert_type(Greets(), Greets)
function: Callable[[qntx.JobContext, Greeting], dict[str, int]] = greets

assert_type(app.enqueue("greets", Greeting("Ada"), priority=5, delay_s=60, source="x"), str)
assert_type(app.enqueue("greets", idempotency_key="2026-11-24", max_attempts=2), str)
assert_type(app.request("greets", {"name": "Ada"}, unique=True), qntx.JobRequest)
assert_type(app.enqueue_all([app.request("greets")]), list[str])
job_id, outcome = app.run("greets", {"name": "Ada"}, emitter=qntx.NullEmitter())
assert_type(job_id, str)
assert_type(outcome, qntx.Outcome)
app.queue.cancel(job_id)

run = run_job(app, "greets", {"name": "Ada"}, home="data")
assert_type(run, JobRun)
assert_type(run.messages, list[str])
run_job(greets, payload=Greeting("Ada"))
run_job(Greets, payload=Greeting("Ada"))

with qntx.capture("nightly-import", home="data") as emit:
    assert_type(emit, qntx.Captured)
    with emit.stage("load"), emit.task("1"):
        emit.progress(1, 2, cost=0.5)


def main() -> None:
    app.serve(host="127.0.0.1", port=8820, workers=2)
