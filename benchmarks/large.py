"""What large output costs: a line of one large write, and the memory of a large line."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from measure import Report, median

LINES = 1_000_000
BYTES = 100_000_000
ROUNDS = 3

#: Each in a process of its own, without a console: what writes, and how often it may be divided.
WRITES = {
    "rows of a table": 'sys.stdout.write("row of a table\\n" * LINES)',
    "empty lines": 'sys.stdout.write("\\n" * LINES)',
    "rows with addresses": 'sys.stdout.write("GET https://x.example/a 200\\n" * LINES)',
    "writelines": "sys.stdout.writelines(rows)",
    "binary": "sys.stdout.buffer.write(data)",
}
LARGE = {
    "print": "print(text)",
    "emitter": "emit.info(text)",
    "metadata": "emit.info('words', more=text)",
    "without a newline, in pieces": "[print(piece, end='') for piece in pieces]; print()",
}
PROGRAM = """
import sys, time
from pathlib import Path
from qntx.journal.run_scope import Run
from qntx.journal.writer import Journal
from qntx.recording import lines, streams
from qntx.recording.context import ActiveRun
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.redaction import Redactor, from_environment
from qntx.recording.session import capturing
from qntx.config import CaptureSettings
LINES, BYTES = {lines}, {bytes}
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
journal = Journal(Path(sys.argv[1]))
active = ActiveRun(Run("JB_bench", 1), journal)
result = sys.argv[2]
with capturing(active, CaptureSettings(descriptors=False)):
    lines.set_redactor(Redactor(from_environment()))
    streams.forward_to(None, None)
    emit = LogCapturingEmitter(active)
    print("warm")
    emit.info("warm", number=1)
    {given}
    open("/proc/self/clear_refs", "w").write("5")
    before, began = peak(), time.process_time()
    {call}
    took, more = time.process_time() - began, peak() - before
Path(result).write_text(f"{{took}} {{more}}")
journal.close()
"""


def measure(home: Path, report: Report) -> None:
    """Run each in a process of its own: what it takes at its peak is that of nothing else."""
    report.head(f"One write of {LINES:,} lines (CPU time of the process)")
    for name, call in WRITES.items():
        given = {"writelines": 'rows = ["row of a table\\n"] * LINES'}.get(name, "pass")
        if name == "binary":
            given = 'data = b"row of a table\\n" * LINES'
        took = median([run(home / f"{name}{n}", given, call)[0] for n in range(ROUNDS)])
        report.bar(f"a line, {name}", took / LINES * 1e6, 0.5, "µs")
    report.head(f"A line of {BYTES // 10**6} MB: memory at its peak, besides the text itself")
    given = 'text = "z" * BYTES; pieces = [text[n:n + 1000] for n in range(0, BYTES, 1000)]'
    for name, call in LARGE.items():
        took, more = run(home / name, given, call)
        report.bar(f"{name}, of the line", more / BYTES, 2, "×")
        report.note(f"{took:.2f} s")


def run(folder: Path, given: str, call: str) -> tuple[float, int]:
    """CPU seconds and bytes of memory that *call* takes."""
    result = folder.with_suffix(".result")
    program = PROGRAM.format(lines=LINES, bytes=BYTES, given=given, call=call)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(folder), str(result)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    took, more = result.read_text().split()
    return float(took), int(more)
