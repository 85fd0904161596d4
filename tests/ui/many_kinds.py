"""Handlers that say lines of all kinds: in several attempts, and in one that takes its time."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qntx import App, JobContext
from qntx.model.retry import Backoff

#: Lines of each attempt; all but the last fail.
ATTEMPTS = (900, 2_600, 16_500)
#: Lines of the slow job, about how many a burst, and the pause after each.
SLOW = 5_000
BURST = 60
PAUSE_S = 0.15
STAGES = ["fetch", "parse", "Übersetzung", "a stage / with ? & # signs", "load"]
TASKS = ["first", "second", "JD_1", "fetch", "Aufgabe 7 %"]
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "needle",
    "Straße",
    "東京",
    "👩\u200d👩\u200d👧",
    "naïve",
    "timeout",
    "ETA",
    "42",
    "%",
    "{json}",
    "<b>",
    "&",
    "'",
    '"',
]

app = App()


def texts(dice: random.Random) -> list[Callable[[], str]]:
    """What makes a line of each kind."""

    def words() -> str:
        return " ".join(dice.choices(WORDS, k=dice.randint(1, 9)))

    return [
        *[words] * 20,
        lambda: "",
        lambda: "  " + words() + "\t ",
        lambda: f"{words()}\0{words()}",
        lambda: f"\x1b[3{dice.randint(1, 7)}m{words()}\x1b[0m {words()} \x1b[2K\x07",
        lambda: f"10 %\r50 %\r{words()}",
        lambda: f"\u202e{words()}\u2028{words()}\ufeff",
        lambda: "\n".join(words() for _ in range(dice.randint(2, 30))),
        lambda: f"see https://example.org/{dice.randint(1, 99)} now",
        lambda: words() * dice.randint(20, 300),
    ]


def say(ctx: JobContext, seed: int, count: int, pause: Callable[[int], None]) -> None:
    """Say *count* lines of all kinds through every door, in and outside of stages and tasks."""
    dice = random.Random(seed)
    kinds = texts(dice)
    loggers = [logging.getLogger(name) for name in ("tests", "tests.deep.er", "andere")]
    levels = [ctx.emit.debug, ctx.emit.info, ctx.emit.info, ctx.emit.warn, ctx.emit.error]
    done = 0

    def some(most: int) -> None:
        nonlocal done
        for _ in range(min(dice.randint(1, most), count - done)):
            text = dice.choice(kinds)()
            door = dice.randrange(12)
            if door < 7:
                dice.choice(levels)(text, number=done)
            elif door < 10:
                level = dice.choice([10, 20, 30, 40, 50])
                dice.choice(loggers).log(level, "%s", text)
            elif door == 10:
                print(text)
            else:
                os.write(
                    1, b"\xff\xfe bytes \x80 " + text.encode()[:60].replace(b"\n", b" ") + b"\n"
                )
            done += 1
            pause(done)

    while done < count:
        some(20)
        with ctx.emit.stage(dice.choice(STAGES)):
            some(60)
            with ctx.emit.task(dice.choice(TASKS)):
                some(150)
            some(10)


@app.handler(
    "tests.windows", max_attempts=len(ATTEMPTS), backoff=Backoff(base_s=0.01), retry_on=OSError
)
def say_attempts(ctx: JobContext, seed: int) -> None:
    """Fail until the last attempt, each with lines of its own."""
    logging.getLogger("tests").setLevel(logging.DEBUG)
    say(ctx, seed + ctx.attempt, ATTEMPTS[ctx.attempt - 1], lambda done: None)
    if ctx.attempt < len(ATTEMPTS):
        raise OSError(f"attempt {ctx.attempt} was not enough")


@app.handler("tests.slow")
def say_slowly(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Say lines in bursts; most of them only when somebody looks (and has made a file)."""
    looked_at = Path(payload["looked_at"])

    def pause(done: int) -> None:
        if done % BURST == 0:
            time.sleep(PAUSE_S)
            while done > SLOW / 10 and not looked_at.exists():
                time.sleep(0.01)

    say(ctx, payload["seed"], SLOW, pause)
