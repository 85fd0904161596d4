"""
A job that says something all the time until the file named by QNTX_TICKS_UNTIL is there.

Prints its id as soon as it has one.
"""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path

from qntx import App, JobContext

LINES = 900
PAUSE_S = 0.01

app = App()


@app.handler("tests.ticking")
def tick(ctx: JobContext, payload: object) -> dict[str, object]:
    """Say LINES lines, one each PAUSE_S seconds, in two stages; each line costs a cent."""
    for before, stage in ((0, "first"), (LINES // 2, "second")):
        with ctx.emit.stage(stage, f"The {stage} half"):
            for number in range(LINES // 2):
                ctx.emit.info(f"{stage} {number}", number=number)
                ctx.emit.progress(before + number + 1, LINES, cost=0.01)
                time.sleep(PAUSE_S)
    enough = Path(os.environ["QNTX_TICKS_UNTIL"])
    with ctx.emit.stage("more", "As long as somebody looks"):
        for number in count():
            if enough.exists():
                return {"more": number}
            ctx.emit.info(f"more {number}", number=number)
            time.sleep(PAUSE_S)
    raise AssertionError("count() has no end")


if __name__ == "__main__":
    app.run("tests.ticking", source="a ticking job", on_start=lambda id: print(id, flush=True))
