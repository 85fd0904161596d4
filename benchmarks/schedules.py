"""Ten thousand schedules: what they cost while they fire, and how late they fire."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from measure import Report, median, percentile
from qntx.app import App
from qntx.clock import from_iso, iso, now_us
from qntx.model.schedule import NewSchedule
from qntx.scheduler.service import ScheduleService
from qntx.scheduler.ticker import Ticker

SCHEDULES = 10_000
#: They are due over and over, evenly spread over this, seconds.
EVERY_S = 3_600
MEASURED_S = 20.0
#: So many are due at one instant in the second part.
AT_ONCE = 1_000


def measure(home: Path, report: Report) -> None:
    """Evenly spread ones first, then many at one instant."""
    app = App(home=home / "spread")
    app.handler("bench.noop")(lambda ctx, payload: None)
    start = now_us() + 8_000_000
    fill(app, SCHEDULES, [iso(start + n * EVERY_S * 100) for n in range(SCHEDULES)])
    ticker = Ticker(app.settings, app.request)
    began = time.perf_counter()
    ticker.tick()
    report.head(f"{SCHEDULES:,} schedules, each once an hour")
    report.note(f"the first look at all of them takes {time.perf_counter() - began:.2f} s")
    time.sleep(max(0.0, (start - now_us()) / 1e6))
    ticker.start()
    share, fired = watch(ticker)
    ticker.stop()
    report.note(f"{fired / MEASURED_S:.1f} firings/s, each with its job, execution and lines")
    report.bar("share of a core", share * 100, 5, "%")
    lateness(app, report)
    burst(home / "burst", report)


def fill(app: App, number: int, starts: list[str]) -> None:
    """Create the schedules; the disk need not have them."""
    app.store.connection.execute("PRAGMA synchronous=OFF")
    service = ScheduleService(app.settings, app.store, app.request, app.registry)
    for n in range(number):
        new = NewSchedule(
            handler_name="bench.noop",
            every=f"{EVERY_S}s",
            start_at=starts[n % len(starts)],
            overlap="parallel(100)",
        )
        service.create(new, by="a benchmark")


def watch(ticker: Ticker) -> tuple[float, int]:
    """The share of a core that the ticker's thread takes, and how much it fires meanwhile."""
    thread = next(t for t in threading.enumerate() if t.name == "qntx-ticker")
    clock = time.pthread_getcpuclockid(thread.ident or 0)
    time.sleep(1.0)
    spent, fired, began = time.clock_gettime(clock), ticker.fired, time.monotonic()
    time.sleep(MEASURED_S)
    took = time.monotonic() - began
    return (time.clock_gettime(clock) - spent) / took, ticker.fired - fired


def lateness(app: App, report: Report) -> None:
    """From the instant to the execution's row."""
    late = [
        (from_iso(str(made)) - from_iso(str(due))) / 1000
        for made, due in app.store.connection.execute(
            "SELECT created_at, nominal_at FROM pulse_executions WHERE cause = 'schedule'"
            " ORDER BY rowid DESC LIMIT 50"
        )
    ]
    report.note(
        f"fired {median(late):.1f} ms after the instant (p50), {percentile(late, 0.99):.1f}"
        " ms (p99)"
    )


def burst(home: Path, report: Report) -> None:
    """Many schedules due at one instant."""
    app = App(home=home)
    app.handler("bench.noop")(lambda ctx, payload: None)
    at = now_us() + 4_000_000
    fill(app, AT_ONCE, [iso(at)])
    ticker = Ticker(app.settings, app.request)
    ticker.tick()
    time.sleep(max(0.0, (at - now_us()) / 1e6))
    began = time.perf_counter()
    while ticker.fired < AT_ONCE:
        ticker.tick()
    took = time.perf_counter() - began
    report.note(f"{AT_ONCE:,} due at one instant: {AT_ONCE / took:,.0f} fired per second")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("QNTX_BENCH_DIR")) as folder:
        report = Report()
        measure(Path(folder), report)
        sys.exit(report.end())
