"""Jobs whose descriptors and children write numbered lines; a ledger has what was written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import qntx
from tests.support import ledger_writer
from tests.support.ledger_writer import Ledger
from tests.support.waiting import wait_until

app = qntx.App()
TALKS = 40


def writer_command(ledger: Path, *writers: str) -> list[str]:
    """The command line of a program that writes."""
    return [sys.executable, "-I", "-S", ledger_writer.__file__, str(ledger), *writers]


@app.handler("ledger.write")
def write(ctx: qntx.JobContext, payload: str) -> None:
    ledger = Ledger(Path(payload))
    subprocess.run(
        [sys.executable, "-c", f"print({ledger_writer.line_of('early', 0)!r})"], check=True
    )
    child = subprocess.Popen(writer_command(ledger.path, "child1", "child2"))
    forked = os.fork()
    if not forked:
        ledger.write("forked")
        os._exit(0)
    ledger.worker = os.getpid()
    ledger.write("own1", "own2")
    child.wait()
    os.waitpid(forked, 0)


@app.handler("ledger.talk")
def talk(ctx: qntx.JobContext, payload: str) -> None:
    """Logs after each thing that it writes: each time it waits for the relay."""
    ledger = Ledger(Path(payload))
    for number in range(TALKS):
        wait_until(lambda number=number: ledger.allow(0) > number)
        ledger.write_line("own1")
        ctx.emit.info(f"said {number}")
