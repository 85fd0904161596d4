"""What a call costs its caller: emitter, logging and print against the standard library."""

from __future__ import annotations

import builtins
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measure import Report, median, messages, percentile
from qntx.config import CaptureSettings
from qntx.journal.run_scope import Run
from qntx.journal.writer import Journal
from qntx.recording import lines, streams
from qntx.recording.context import ActiveRun
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.redaction import Redactor, from_environment
from qntx.recording.session import capturing

ROUNDS = 9
CALLS = 20_000


def measure(home: Path, report: Report) -> None:
    """Run all variants in turn, round after round, and compare within each round."""
    texts = messages(2_000)
    times: dict[str, list[float]] = {}
    tails: dict[str, list[float]] = {}
    for index in range(ROUNDS):
        for name, run in variants(home / f"round{index}", texts):
            mean, p99 = run
            times.setdefault(name, []).append(mean)
            tails.setdefault(name, []).append(p99)

    def ratio(a: str, b: str, of: dict[str, list[float]] = times) -> float:
        return median([x / y for x, y in zip(of[a], of[b], strict=True)])

    report.head("Cost of a call (median of rounds; µs mean, and µs of the 99th percentile)")
    for name in times:
        report.note(f"{name:<34} {median(times[name]):6.2f} µs   p99 {median(tails[name]):6.1f} µs")
    report.bar("emitter call / FileHandler", ratio("emitter", "FileHandler"), 0.15, "×")
    report.bar(
        "emitter call p99 / FileHandler p99", ratio("emitter", "FileHandler", tails), 0.5, "×"
    )
    report.bar("logging captured / FileHandler", ratio("logging", "FileHandler"), 0.8, "×")
    extra = ratio("emitter, redaction", "FileHandler") - ratio("emitter", "FileHandler")
    report.bar("redaction, extra", extra, 0.1, "× FileHandler")
    report.bar(
        "print / print redirected, visible per line",
        ratio("print", "print, line by line"),
        1.0,
        "×",
    )
    report.bar(
        "print / print redirected, block-buffered",
        ratio("print", "print, block-buffered"),
        1.0,
        "×",
    )


def variants(home: Path, texts: list[str]) -> list[tuple[str, tuple[float, float]]]:
    """One round: each variant's (mean, p99) in µs."""
    home.mkdir(parents=True)
    found = []
    logger = logging.getLogger("benchmark")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.FileHandler(home / "file.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    found.append(("FileHandler", timed(logger.info, texts)))
    logger.removeHandler(handler)
    handler.close()
    for buffering, name in ((-1, "print, block-buffered"), (1, "print, line by line")):
        with open(home / "out.txt", "w", buffering=buffering) as out:
            found.append((name, timed(lambda text, out=out: builtins.print(text, file=out), texts)))
    for redact in (False, True):
        lines.set_redactor(Redactor(from_environment()) if redact else None)
        found += captured(home / f"captured{redact}", texts, ", redaction" if redact else "")
    lines.set_redactor(None)
    return found


def captured(home: Path, texts: list[str], suffix: str) -> list[tuple[str, tuple[float, float]]]:
    """The three captured ways of saying something."""
    journal = Journal(home / "journal")
    settings = CaptureSettings(redact=bool(suffix))
    found = []
    logger = logging.getLogger("benchmark")
    active = ActiveRun(Run("JB_bench", 1), journal)
    with capturing(active, settings):
        streams.forward_to(None, None)  # a worker has no console
        emit = LogCapturingEmitter(active)
        found.append((f"emitter{suffix}", timed(emit.info, texts)))
        found.append((f"logging{suffix}", timed(logger.info, texts)))
        found.append((f"print{suffix}", timed(builtins.print, texts)))
    journal.close()
    return found


def timed(call: Callable[[str], object], texts: list[str]) -> tuple[float, float]:
    """(mean, p99) of *call* over the texts, in µs; the mean without the clock's own cost."""
    for text in texts[:500]:
        call(text)
    start = time.perf_counter_ns()
    for _ in range(CALLS // len(texts)):
        for text in texts:
            call(text)
    mean = (time.perf_counter_ns() - start) / CALLS / 1000
    singles = []
    clock = time.perf_counter_ns
    for text in texts:
        before = clock()
        call(text)
        singles.append(clock() - before)
    return mean, percentile(singles, 0.99) / 1000


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(dir=os.environ.get("QNTX_BENCH_DIR")) as folder:
        report = Report()
        measure(Path(folder), report)
        sys.exit(report.end())
