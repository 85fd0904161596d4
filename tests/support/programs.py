"""Small programs that use qntx, each as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

PRELUDE = """\
import logging, os, sys, threading, time, signal
from pathlib import Path
from qntx.app import App
home = Path(sys.argv[1])
app = App(home=home)
log = logging.getLogger("job")
"""


def start_program(
    home: Path, body: str, *arguments: str, env: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start *body* (after a prelude with ``app``, ``home`` and ``log``) as a process of its own."""
    folder = home.parent / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"program{len(list(folder.iterdir()))}.py"
    path.write_text(PRELUDE + textwrap.dedent(body))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QNTX_")}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **(env or {})}
    return subprocess.Popen(
        [sys.executable, str(path), str(home), *arguments],
        env=environment,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        **options,
    )


def run_program(
    home: Path, body: str, *arguments: str, timeout_s: float = 60, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run *body* to its end; fails when that takes longer than *timeout_s*."""
    process = start_program(home, body, *arguments, **options)
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(
            f"the program hangs after {timeout_s} s\n{out.decode(errors='replace')[-2000:]}"
            f"\n{err.decode(errors='replace')[-4000:]}"
        ) from None
    return subprocess.CompletedProcess(process.args, process.returncode, out or b"", err or b"")
