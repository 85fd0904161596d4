"""A job that says something all the time for some seconds; prints its id as soon as it has one."""

from __future__ import annotations

import time

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
    return {"lines": LINES}


if __name__ == "__main__":
    app.run("tests.ticking", source="a ticking job", on_start=lambda id: print(id, flush=True))
