"""
A job whose lines differ in all that a log can be narrowed by; prints its id when it has one.

It ends early when its standard input is closed.
"""

from __future__ import annotations

import logging
import random
import select
import sys
import time

from qntx import App, JobContext

STAGES = ("collect", "clean up", "score/rank", "größe", "say <b>")
WORDS = (
    "alpha",
    "Beta",
    "GAMMA",
    "delta",
    "naïve",
    "[x]",
    "a.b*c",
    "100 %",
    "tab\there",
    "two\nlines",
)
LEVELS = ("debug", "info", "info", "info", "warn", "error")

app = App()


@app.handler("tests.varied")
def vary(ctx: JobContext, payload: dict[str, int]) -> None:
    """Say payload["lines"] lines as the seed has it, payload["rest_ms"] after every twenty."""
    chance = random.Random(payload["seed"])
    logger = logging.getLogger("varied.sub")
    logger.setLevel("DEBUG")
    left = payload["lines"]
    while left > 0 and not select.select([sys.stdin], [], [], 0)[0]:
        stage = chance.choice(STAGES)
        with ctx.emit.stage(stage):
            for _ in range(chance.randint(1, 4)):
                with ctx.emit.task(f"T-{chance.randrange(12)}"):
                    for _ in range(chance.randint(0, 60)):
                        words = " ".join(chance.choices(WORDS, k=chance.randint(1, 9)))
                        text = f"{left} {words}"
                        level = chance.choice(LEVELS)
                        if chance.random() < 0.2:
                            logger.log(
                                logging.getLevelName(level.upper().replace("WARN", "WARNING")), text
                            )
                        else:
                            getattr(ctx.emit, level)(text, number=left)
                        left -= 1
                        if left % 20 == 0 and payload["rest_ms"]:
                            time.sleep(payload["rest_ms"] / 1000)


if __name__ == "__main__":
    about = dict(zip(("seed", "lines", "rest_ms"), map(int, sys.argv[1:]), strict=True))
    app.run("tests.varied", about, source="varied", on_start=lambda id: print(id, flush=True))
