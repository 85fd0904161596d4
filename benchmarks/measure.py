"""What the benchmarks share: bars, percentiles, messages, a description of the machine."""

from __future__ import annotations

import os
import platform
import random
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

TEMPLATES = (
    "processed candidate CN_{a:06x} with score 0.{b:04d} for role senior-engineer in {c} ms; {d} of"
    " 9 met",
    "GET https://jobs.example.com/api/v2/postings/{a:08x}?page={d} 200 in {c} ms ({b} bytes, cached"
    "=False)",
    "extracted requirement {b}: {d}+ years of Python, quote found at offset {c}, confidence 0.9{d}",
    "persisted attestation AS_{a:08x}{b:04x} subject=JD_{c:06x} predicate=requires context=s-{d}",
    "retrying request {a:08x} after {c} ms: connection reset by peer (attempt {d} of 5)",
    "cache hit for key embeddings:{a:08x}:{b:04x}, {c} vectors of 384 dimensions loaded in 0.{d} s",
)


def messages(number: int, seed: int = 7) -> list[str]:
    """*number* log messages of some 100 characters, with random ids in them."""
    rand = random.Random(seed)
    return [
        TEMPLATES[i % len(TEMPLATES)].format(
            a=rand.randrange(1 << 24),
            b=rand.randrange(10_000),
            c=rand.randrange(900),
            d=rand.randrange(9),
        )
        for i in range(number)
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which *share* (0..1) of *values* lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Report:
    """Prints each figure with its bar, and remembers what fell short."""

    def __init__(self) -> None:
        self.short: list[str] = []

    def head(self, title: str) -> None:
        """A new group of figures."""
        print(f"\n{title}")

    def note(self, text: str) -> None:
        """A figure without a bar."""
        print(f"    {text}", flush=True)

    def bar(
        self, name: str, value: float, limit: float, unit: str, *, at_least: bool = False
    ) -> None:
        """A figure and the bar it has to clear (at most *limit*, or at least)."""
        good = value >= limit if at_least else value <= limit
        sign = "≥" if at_least else "≤"
        verdict = "pass      " if good else "FALL SHORT"
        print(f"  {verdict} {name}: {value:.3g} {unit} ({sign} {limit:g})", flush=True)
        if not good:
            self.short.append(name)

    def end(self) -> int:
        """The closing line; returns the exit code."""
        print(
            f"\n{len(self.short)} bar(s) fell short"
            + (f": {', '.join(self.short)}" if self.short else "")
        )
        return 0


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def machine() -> str:
    """The machine in one line, without names of hosts or folders."""
    model = "unknown CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, revision {commit}"
    )
