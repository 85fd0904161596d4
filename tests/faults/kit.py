"""What fault tests share: waiting for a condition, real child processes, the store's answers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from qntx.indexer.launch import IndexerProcess
from qntx.model.views import Line, LogFilter, Receipt
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database

#: Whether the long forms run (``make faults``).
FULL = os.environ.get("QNTX_FAULTS") == "full"
ROOT = Path(__file__).resolve().parents[2]


def times(quick: int, full: int) -> int:
    """How often something is tried: *quick* in every test run, *full* in ``make faults``."""
    return full if FULL else quick


def wait_until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Poll *condition* until it gives something true; returns that, fails after *timeout_s*."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.002)


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


class Stored:
    """What the store of a data directory holds."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.db: apsw.Connection = open_database(home / "qntx.db")
        self.logs = LogStore(self.db)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    @property
    def jobs(self) -> list[str]:
        """The ids of all jobs, in the order of their arrival."""
        return [row[0] for row in self.db.execute("SELECT id FROM async_ix_jobs ORDER BY rowid")]

    def job(self) -> str:
        """The id of the only job."""
        (job,) = self.jobs
        return job

    def lines(self, job_id: str | None = None) -> list[tuple[Line, bytes]]:
        """All lines of a job with their whole messages."""
        return list(self.logs.lines(job_id or self.job(), LogFilter()))

    def texts(self, job_id: str | None = None) -> list[str]:
        """The messages of all lines of a job."""
        return [whole.decode("utf-8", "surrogateescape") for _, whole in self.lines(job_id)]

    def receipt(self, job_id: str | None = None) -> Receipt:
        """The receipt of a job."""
        return self.logs.receipt(job_id or self.job())

    def status(self, job_id: str | None = None) -> tuple[str, str]:
        """Status of a job and of its newest attempt."""
        return self.db.execute(
            "SELECT j.status, a.status FROM async_ix_jobs j JOIN job_attempts a"
            " ON a.job_id = j.id AND a.attempt = j.attempt WHERE j.id = ?",
            (job_id or self.job(),),
        ).fetchall()[0]  # type: ignore[return-value]


@contextlib.contextmanager
def stored(home: Path) -> Iterator[Stored]:
    """The store of *home*, for a look."""
    found = Stored(home)
    try:
        yield found
    finally:
        found.close()


def segments(home: Path) -> list[Path]:
    """The journal segments that still wait."""
    return sorted((home / "journal").glob("*.seg"))


def index_rest(home: Path, timeout_s: float = 30) -> None:
    """Have an indexer store all that dead processes have left in the journals."""
    indexer = IndexerProcess(home)
    try:
        wait_until(lambda: not segments(home), timeout_s, "all journals are stored")
    finally:
        indexer.stop()


def files_with(home: Path, needle: bytes) -> list[str]:
    """The files below *home* in which *needle* stands."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    ]
