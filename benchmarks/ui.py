"""The page of a job in Chromium: a million lines, and a thousand a second: ``make bench-ui``."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Report, median, messages, percentile
from qntx import App, JobContext
from qntx.config import load

HERE = Path(__file__).resolve().parent
STAGES = 12
TASKS = 250
LINES = 1_000_000
#: Jobs beside the large one, and the lines of each.
OTHERS = 50
OTHER_LINES = 3_000
RATE = 1_000
LIVE_S = 20


def say(ctx: JobContext, lines: int) -> None:
    """At least *lines* lines in 12 stages of 250 tasks; some are warnings, fewer are errors."""
    texts = messages(4_096)
    numbers = itertools.count()
    for stage in range(STAGES):
        with ctx.emit.stage(f"stage_{stage:02}"):
            for task in range(TASKS):
                with ctx.emit.task(f"TK_{stage:02}_{task:03}"):
                    for number in itertools.islice(numbers, -(-lines // (STAGES * TASKS))):
                        rare = "error" if number % 5003 == 5002 else "warn"
                        level = rare if number % 401 == 400 or rare == "error" else "info"
                        getattr(ctx.emit, level)(texts[number % len(texts)], number=number)


def tick(ctx: JobContext, seconds: int) -> None:
    """RATE lines a second, each with the Unix time of its call in ms."""
    began = time.monotonic()
    for number in range(seconds * RATE):
        ahead = began + number / RATE - time.monotonic()
        if ahead > 0.001:
            time.sleep(ahead)
        ctx.emit.info(f"processed record {number} at {time.time() * 1000:.1f}")


def made(home: Path) -> App:
    """The jobs of this file, in *home*."""
    app = App(load(home=home))
    app.handler("bench.page")(say)
    app.handler("bench.live")(tick)
    return app


def measure(home: Path, report: Report) -> None:
    """Opening, jumping, memory, nodes; then the age of lines on the screen."""
    with serving(home) as url:
        job_id, last = filled(home)
        report.head(f"The page of a job with {last:,} lines, among {OTHERS} more jobs")
        found = browser("big", url, job_id, str(last))
        opened = found["opened"]
        plain, ends, anywhere = found["plain"], found["ends"], found["anywhere"]
        report.note(
            f"medians: first lines {median(opened):.0f} ms, end {median(ends):.0f} ms, any line "
            f"{median(anywhere):.0f} ms"
        )
        report.note(
            f"the login's page, which has no data, in between: median {median(plain):.0f} ms, p95 "
            f"{percentile(plain, 0.95):.0f} ms"
        )
        report.bar("first lines on the screen p95", percentile(opened, 0.95), 1_000, "ms")
        report.bar("jump to the end p95", percentile(ends, 0.95), 300, "ms")
        report.bar("jump to any line p95", percentile(anywhere, 0.95), 300, "ms")
        report.bar("heap after 80 jumps and 200 turns of the wheel", found["heap"] / 1e6, 150, "MB")
        report.bar("elements in the document", found["elements"], 3_000, "")
        report.note(f"DOM nodes of every kind, detached ones too: {found['nodes']:,}")
        report.head(f"Followed live, {RATE:,} lines/s (from the call to the frame)")
        ages, following = watched(home, url)
        report.note(f"{len(ages):,} lines seen, median {median(ages):.0f} ms")
        report.bar("age on the screen p95", percentile(ages, 0.95), 300, "ms")
        report.bar("still followed at the end", int(following), 1, "", at_least=True)


def filled(home: Path) -> tuple[str, int]:
    """Make the jobs; gives the id and the last line of the large one."""
    app = made(home)
    for _ in range(OTHERS):
        app.run("bench.page", OTHER_LINES, source="one of many")
    job_id, _ = app.run("bench.page", LINES, source="a million lines")
    deadline = time.monotonic() + 120
    while not (receipt := app.store.logs.receipt(job_id)).complete:
        assert time.monotonic() < deadline, receipt.text
        time.sleep(0.2)
    return job_id, receipt.stored


def watched(home: Path, url: str) -> tuple[list[float], bool]:
    """Ages of lines on the screen in ms, and whether the page still followed at the end."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "ui.py"), str(home), str(LIVE_S + 15)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        job_id = process.stdout.readline().strip()
        found = browser("live", url, job_id, str(LIVE_S))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return found["ages"], found["following"]


def browser(*arguments: str) -> Any:
    """What ui.mjs measured."""
    done = subprocess.run(
        ["node", str(HERE / "ui.mjs"), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=400,
    )
    return json.loads(done.stdout)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """``qntx serve`` in *home* without workers; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "qntx", "serve", "--port", str(port), "--workers", "0"],
        env={**os.environ, "QNTX_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert str(port) in process.stderr.readline()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stderr.close()


if __name__ == "__main__":
    made(Path(sys.argv[1])).run(
        "bench.live", int(sys.argv[2]), on_start=lambda id: print(id, flush=True)
    )
