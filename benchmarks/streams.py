"""What programs pay for being captured past Python: their writes, their children, the relay."""

from __future__ import annotations

import os
import py_compile
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from measure import Report, median
from qntx.journal import relay, relay_process
from qntx.journal.spool import Spool

LINE = b"x" * 109 + b"\n"
WRITES = 20_000
#: Work between two writes, seconds.
PACE_S = 40e-6
BYTES = 96 << 20
ROUNDS = 9


def measure(folder: Path, report: Report) -> None:
    """Print the figures of streams."""
    report.head("what goes past Python")
    py_compile.compile(relay_process.__file__)  # as whoever installs a package does
    stream = Spool(folder, "BENCH", "stdout")
    os.write(stream.fd, b"warm\n")
    stream.settle()
    _writes(folder, stream, report)
    _children(folder, report)
    many = [Spool(folder, "BENCH", "stdout") for _ in range(64)]
    for one in many:
        os.write(one.fd, LINE)
        one.settle()
    report.bar("the relay of 65 streams, its share of memory", _pss_mib(), 6.0, "MiB")


def _writes(folder: Path, stream: Spool, report: Report) -> None:
    file = os.open(folder / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ratios = []
    for _ in range(ROUNDS):
        into_file, into_pipe = _paced(file), _paced(stream.fd)
        ratios.append(into_pipe / into_file)
    os.close(file)
    report.bar("os.write, beside one that appends to a file", median(ratios), 1.0, "×")


def _paced(fd: int) -> float:
    """The mean of writes, seconds, with work in between; the slowest hundredth left out."""
    took = []
    for _ in range(WRITES):
        until = time.perf_counter() + PACE_S
        while time.perf_counter() < until:
            pass
        began = time.perf_counter()
        os.write(fd, LINE)
        took.append(time.perf_counter() - began)
    took.sort()
    return statistics.fmean(took[: -WRITES // 100])


def _children(folder: Path, report: Report) -> None:
    source = folder / "source"
    with source.open("wb") as file:
        for _ in range(BYTES >> 20):
            file.write(os.urandom(1 << 20))
    others: dict[str, list[float]] = {"a": [], "w": [], "pipeline": []}
    for number in range(ROUNDS):
        target = folder / f"target{number}"
        took = {}
        for mode in ("a", "w"):
            with target.open(f"{mode}b") as file:
                took[mode] = _timed(lambda fd=file.fileno(): _cat(source, fd))
            target.unlink()
        took["pipeline"] = _timed(lambda path=target: _through_a_pipe(source, path))
        target.unlink()
        stream = Spool(folder, "BENCH", "stdout")
        captured = _timed(lambda fd=stream.fd: _cat(source, fd))
        stream.close()
        stream.settle()
        stream.forget()
        stream.path.unlink()
        for name, seconds in took.items():
            others[name].append(seconds / captured)
    source.unlink()
    name = "speed of a child's cat, beside one into a file"
    report.bar(name, median(others["w"]), 0.7, "×", at_least=True)
    # Not copied within the kernel, as is what several write to.
    report.note(f"beside one that appends to a file: {median(others['a']):.3g} ×")
    report.note(f"beside cat | cat > file: {median(others['pipeline']):.3g} ×")


def _cat(source: Path, fd: int) -> None:
    subprocess.run([shutil.which("cat") or "cat", str(source)], stdout=fd, check=True)


def _through_a_pipe(source: Path, target: Path) -> None:
    with source.open("rb") as given, target.open("wb") as file:
        subprocess.run(["sh", "-c", "cat | cat"], stdin=given, stdout=file, check=True)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _pss_mib() -> float:
    rollup = Path(f"/proc/{relay.relay_pid()}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1024
