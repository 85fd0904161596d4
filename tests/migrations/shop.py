"""A small shop: the application whose database is frozen (see day.py), and its nightly script."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import qntx

app = qntx.App()
log = logging.getLogger("shop.catalogue")


@app.handler("shop.import")
def import_catalogue(ctx: qntx.JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Reads a catalogue, and has the image of each article resized by a child."""
    names = ["tea", "café", "biscuits"]
    ctx.emit.emit_info(f"import of {payload['file']} begins")
    with ctx.emit.stage("read", "Reading"):
        log.debug("opened", extra={"encoding": "utf-8"})
        for number, name in enumerate(names, 1):
            with ctx.emit.task(f"row-{number}", name=name):
                ctx.emit.emit_info(f"read the row of {name} ☕", {"row": number})
                print(f"token={'x' * 20} was in the file")
            ctx.emit.progress(number, len(names), cost=0.25)
    with ctx.emit.stage("store"):
        sys.stdout.buffer.write(b"not \xff\xfe text\n")
        ctx.emit.emit_info("a long word " * 6_000 + "with a needle at its end")
        for name in names:
            ctx.spawn("shop.resize", {"name": name})
        sys.stderr.write("no newline at its end")
    return {"imported": len(names), "names": names}


@app.handler("shop.resize")
def resize(ctx: qntx.JobContext, payload: dict[str, Any]) -> None:
    """Says what it resizes."""
    print("resized", payload["name"])


@app.handler(
    "shop.bill", max_attempts=2, retry_on=ConnectionError, backoff=qntx.Backoff(base_s=0.01)
)
def bill(ctx: qntx.JobContext, payload: dict[str, Any]) -> None:
    """Fails twice: the bank cannot be reached, then it refuses."""
    with ctx.emit.stage("charge", "Charging"):
        with ctx.emit.task("invoice-17"):
            log.error("invoice 17 was refused")
        if ctx.attempt == 1:
            raise ConnectionError("the bank cannot be reached")
        raise ValueError("the bank said no")


@app.handler("shop.stock")
def take_stock(ctx: qntx.JobContext, payload: dict[str, Any]) -> None:
    """Says enough to fill a block of the search index."""
    with ctx.emit.stage("count"):
        for number in range(payload["shelves"]):
            log.log(30 if number % 100 == 99 else 20, "shelf %d holds %d", number, number * 7 % 13)


@app.handler("shop.mail")
def mail(ctx: qntx.JobContext, payload: dict[str, Any]) -> None:
    """Sends until it is told to stop, or its file is there."""
    sent = (ctx.state or {"sent": 0})["sent"]
    print("sending")
    while not Path(payload["until"]).exists():
        sent += 1
        ctx.checkpoint({"sent": sent})
        ctx.emit.progress(sent, 1_000_000)
        ctx.sleep(0.05)


if __name__ == "__main__":
    with qntx.capture("nightly") as emit:
        with emit.stage("count"):
            print("the night was quiet")
