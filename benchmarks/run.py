"""Every figure of the capture path, in one run on one machine: ``make bench``."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

from measure import Report, machine

#: Without arguments all of these; with some, only those named.
PARTS = (
    "calls",
    "large",
    "streams",
    "pipeline",
    "spools",
    "jobs",
    "reading",
    "schedules",
    "streaming",
)


def main() -> int:
    """Run the parts; a bar that is missed is said, not an error."""
    report = Report()
    print(machine())
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory(dir=os.environ.get("QNTX_BENCH_DIR")) as folder:
            importlib.import_module(name).measure(Path(folder), report)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
