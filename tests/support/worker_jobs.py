"""Handlers that tests run in real workers; how they tell tests of it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

import qntx
from qntx.clock import iso, now_us
from qntx.model.retry import Backoff
from qntx.runtime.dispatch import LOOK_AT_MEMORY_S
from qntx.storage.sqlite.connection import connect, transaction
from tests.support.waiting import wait_until

app = qntx.App()
HOARD: list[bytes] = []
SOON = Backoff(base_s=0.01, jitter=0)


class Note(msgspec.Struct):
    path: str
    text: str = ""


def note(path: str, text: str) -> None:
    with open(path, "a") as out:
        out.write(text + "\n")


#: How many threads the process has at each fork; what is registered first is called last.
threads_at_forks: list[int] = []
os.register_at_fork(before=lambda: threads_at_forks.append(len(os.listdir("/proc/self/task"))))


@app.handler("test.forks")
def forks(ctx: qntx.JobContext, payload: Any) -> list[int]:
    threads_at_forks.clear()
    for _ in range(20):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    return threads_at_forks


@app.handler("test.noop")
def noop(ctx: qntx.JobContext, payload: Any) -> None:
    pass


@app.handler("test.note")
def write_note(ctx: qntx.JobContext, payload: Note) -> dict[str, int]:
    note(payload.path, payload.text)
    ctx.emit.progress(1, 1, cost=0.5)
    return {"attempt": ctx.attempt}


@app.handler("test.flaky", max_attempts=3, backoff=SOON, retry_on=ConnectionError)
def flaky(ctx: qntx.JobContext, payload: Note) -> dict[str, int]:
    note(payload.path, f"attempt {ctx.attempt}")
    if ctx.attempt < 3:
        raise ConnectionError("the model failed to answer: email unavailable")
    return {"attempt": ctx.attempt}


@app.handler("test.mistake", max_attempts=3, backoff=SOON, retry_on=ConnectionError)
def mistake(ctx: qntx.JobContext, payload: Any) -> None:
    raise ValueError("a network timeout is only a word here")


@app.handler("test.sleepy", timeout_s=0.5)
def sleepy(ctx: qntx.JobContext, payload: Any) -> None:
    ctx.emit.info("asleep")
    time.sleep(60)


@app.handler("test.polite")
def polite(ctx: qntx.JobContext, payload: Note) -> None:
    state = ctx.state or {"from": 0}
    note(payload.path, f"from {state['from']}")
    for number in range(state["from"], 10_000):
        ctx.checkpoint({"from": number + 1})
        ctx.sleep(0.02)


@app.handler("test.stubborn")
def stubborn(ctx: qntx.JobContext, payload: Note) -> None:
    note(payload.path, str(os.getpid()))
    while True:
        try:
            time.sleep(60)
        except qntx.JobStopped:
            ctx.emit.warn("I will not stop")


@app.handler("test.asynchronous")
async def asynchronous(ctx: qntx.JobContext, payload: Note) -> None:
    with ctx.emit.stage("wait"):
        note(payload.path, ctx.job_id)
        await asyncio.sleep(float(payload.text or 0.2))
        print("done waiting")


@app.handler("test.noop-async")
async def noop_async(ctx: qntx.JobContext, payload: Any) -> None:
    pass


@app.handler("test.killed", max_attempts=2, backoff=SOON)
def killed(ctx: qntx.JobContext, payload: Note) -> None:
    note(payload.path, f"attempt {ctx.attempt}")
    ctx.emit.info("the last words")
    if ctx.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@app.handler("test.leaves-a-child")
def leaves_a_child(ctx: qntx.JobContext, payload: Note) -> None:
    """Is killed, and what it has forked lives until there is a file called *text*."""
    if os.fork() == 0:
        wait_until(lambda: os.path.exists(payload.text))
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@app.handler("test.poison", max_attempts=100, backoff=SOON)
def poison(ctx: qntx.JobContext, payload: Any) -> None:
    ctypes.string_at(0)


@app.handler("test.leaves")
def leaves(ctx: qntx.JobContext, payload: Any) -> None:
    os._exit(0)


@app.handler("test.parent")
def parent(ctx: qntx.JobContext, payload: Note) -> dict[str, Any] | Any:
    if ctx.state is None:
        children = [
            ctx.spawn("test.note", {"path": payload.path, "text": f"child {n}"}) for n in range(3)
        ]
        return ctx.after_children({"children": children})
    return {"children": ctx.state["children"], "attempt": ctx.attempt}


@app.handler("test.deaf-parent")
def deaf_parent(ctx: qntx.JobContext, payload: Note) -> Any:
    """Heeds no wish; waits for a second line, then for a child that works as `test.until`."""
    if ctx.state is None:
        note(payload.path, "begun")
        while len(lines(Path(payload.path))) < 2:
            time.sleep(0.01)
        return ctx.after_children(ctx.spawn("test.until", msgspec.to_builtins(payload)))
    return ctx.state


@app.handler("test.polite-group")
async def polite_group(ctx: qntx.JobContext, payload: Note) -> None:
    async def work() -> None:
        while True:
            ctx.check()
            await asyncio.sleep(0)

    note(payload.path, ctx.job_id)
    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        group.create_task(work())


@app.handler("test.sleepy-async", timeout_s=0.5)
async def sleepy_async(ctx: qntx.JobContext, payload: Any) -> None:
    ctx.emit.info("asleep")
    await asyncio.sleep(60)


@app.handler("test.sleepy-twice", timeout_s=0.2, max_attempts=2, retry_on=OSError, backoff=SOON)
async def sleepy_twice(ctx: qntx.JobContext, payload: Any) -> None:
    if ctx.attempt == 1:
        await asyncio.sleep(60)


@app.handler("test.stubborn-async")
async def stubborn_async(ctx: qntx.JobContext, payload: Note) -> None:
    note(payload.path, str(os.getpid()))
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ctx.emit.warn("I will not stop")


@app.handler("test.asleep")
def asleep(ctx: qntx.JobContext, payload: Note) -> None:
    note(payload.path, str(os.getpid()))
    time.sleep(float(payload.text))


@app.handler("test.exits-within")
async def exits_within(ctx: qntx.JobContext, payload: Any) -> None:
    async def leave() -> None:
        sys.exit(3)

    await asyncio.gather(leave())


@app.handler("test.exits")
def exits(ctx: qntx.JobContext, payload: Any) -> None:
    sys.exit(3)


@app.handler("test.calls", metered=True)
def calls(ctx: qntx.JobContext, payload: Note) -> None:
    """Pays for one call, as a handler that asks a model does."""
    at = iso(now_us())
    with transaction(connect(Path(payload.path) / "qntx.db")) as db:
        db.execute(
            "INSERT INTO ai_model_usage(operation_type, entity_type, entity_id, model_name,"
            " model_provider, request_timestamp, created_at, cost, success)"
            " VALUES('x','x','x','x','x',?1,?1,0.1,1)",
            (at,),
        )


@app.handler("test.writes")
def writes(ctx: qntx.JobContext, payload: Note) -> None:
    """Is stopped in the middle of a transaction, the first time."""
    db = connect(Path(payload.text))
    if ctx.attempt > 1:
        return
    db.execute("BEGIN IMMEDIATE")
    note(payload.path, str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


@app.handler("test.twins")
def twins(ctx: qntx.JobContext, payload: Any) -> dict[str, Any]:
    """Asks for one child by several ways."""
    by_source = [ctx.spawn("test.held", source="the same", unique=True) for _ in range(2)]
    by_number = [ctx.spawn("test.held", idempotency_key="k") for _ in range(2)]
    return {"by_source": by_source, "by_number": by_number}


@app.handler("test.held", metered=True)
def held(ctx: qntx.JobContext, payload: Any) -> None:
    pass


@app.handler("test.steps")
def steps(ctx: qntx.JobContext, payload: Note) -> None:
    """Does a quarter of its work in half a second, then waits to be told to stop."""
    with ctx.emit.stage("all of it"):
        for name in ("one", "two", "three"):
            ctx.emit.add_task(name, f"the {name}")
        with ctx.emit.task("one"):
            ctx.sleep(0.5)
        ctx.emit.update_task_status("two", False, "no such thing")
        ctx.emit.progress(1, 4, cost=0.25)
        note(payload.path, "a quarter")
        ctx.sleep(60)


@app.handler("test.generations")
def generations(ctx: qntx.JobContext, payload: int) -> None:
    """Has two children, until the given number of generations are there."""
    if payload > 1:
        for number in range(2):
            ctx.spawn("test.generations", payload - 1, source=f"{ctx.job.source}.{number}")


@app.handler("test.grows")
def grows(ctx: qntx.JobContext, payload: Note) -> None:
    """Keeps as many MiB as it is told, for ever; takes longer than workers are looked at."""
    HOARD.append(b"x" * (int(payload.text) << 20))
    note(payload.path, str(os.getpid()))
    time.sleep(2 * LOOK_AT_MEMORY_S)


@app.handler("test.says")
def says(ctx: qntx.JobContext, payload: Note) -> None:
    """Says something before and after it has slept, to the emitter, print and past Python."""
    ctx.emit.info("before")
    note(payload.path, str(os.getpid()))
    time.sleep(float(payload.text))
    print("after")
    os.write(1, b"past Python\n")


@app.handler("test.late")
def late(ctx: qntx.JobContext, payload: Note) -> None:
    """Has something to say when its server is gone."""
    note(payload.path, str(os.getpid()))
    while not ctx.should_stop:
        time.sleep(0.01)
    time.sleep(0.5)
    ctx.emit.info("after the death of the server")


@app.handler("test.metered", metered=True)
def metered(ctx: qntx.JobContext, payload: Any) -> None:
    pass


@app.handler("test.effect", max_attempts=1_000, max_crashes=1_000, backoff=SOON)
def effect(ctx: qntx.JobContext, payload: Note) -> None:
    """Leaves one line of who did it; takes from nothing to a few milliseconds."""
    ctx.emit.info("at work")
    time.sleep(int(ctx.job_id[-2:], 36) % 8 / 1000)
    out = os.open(payload.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, f"{ctx.job_id} {ctx.attempt}\n".encode())
    os.close(out)


@app.handler("test.until")
def until(ctx: qntx.JobContext, payload: Note) -> None:
    """Works until there is a file called *text*."""
    note(payload.path, f"{ctx.job_id} {ctx.attempt}")
    wait_until(lambda: os.path.exists(payload.text))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
