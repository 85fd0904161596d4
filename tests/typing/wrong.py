"""What is wrong: each line that says so is an error, and no other."""

from __future__ import annotations

import qntx

app = qntx.App()
registry = qntx.Registry()

app.enqueue("x", prioritty=3)  # error: prioritty
app.enqueue("x", priority="high")  # error: priority
app.enqueue(17)  # error: str
app.request("x", delay="60")  # error: delay
app.enqueue_all(["x"])  # error: JobRequest
app.run("x", emitter=print)  # error: ProgressEmitter
app.schedule("key", "every 1h", "x", overlap="wait")  # error: 'wait'
app.schedule("key", "every 1h", "x", overlap=qntx.Overlap("parallell", 3))  # error: parallell
app.schedule("key", "every 1h", "x", missed="all")  # error: 'all'
registry.schedule("key", "every 1h", "x", timezone="UTC")  # error: timezone
app.handler("x", timeout=3)  # error: timeout
app.handler("x", retry_on=[3])  # error: BaseException
qntx.App(homme="data")  # error: homme
qntx.App(server=8820)  # error: server
app.serve(port="8820")  # error: port


@app.handler("too few")  # error: JobContext
def too_few(ctx: qntx.JobContext) -> None: ...


@app.handler("too many")  # error: JobContext
def too_many(ctx: qntx.JobContext, payload: str, more: str) -> None: ...


@app.handler("no context")  # error: str
def no_context(ctx: str, payload: str) -> None: ...


class NoRun:
    def perform(self, ctx: qntx.JobContext, payload: str) -> None: ...


app.handler("no run")(NoRun)  # error: NoRun


@app.handler("children")
def children(ctx: qntx.JobContext, payload: str) -> None:
    ctx.spawn("x", colour="green")  # error: colour
    ctx.sleep("long")  # error: float


with qntx.capture("import") as emit:
    emit.note("hello")  # error: note

qntx.capture(source="x")  # error: name
