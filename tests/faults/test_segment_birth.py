"""A journal's first segment comes into being while the indexer is looking."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.indexer.drain import Drain
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.migrate import open_database
from tests.support.paths import ROOT
from tests.support.processes import state_of
from tests.support.waiting import wait_until

#: A real writer that stops at each system call named on its way to the first record.
WRITER = """
import os, signal, sys
from pathlib import Path
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal
stop_at, stopped = sys.argv[2], []
def hook(event, arguments):
    if event == stop_at and "journal" in str(sys._getframe(1).f_code.co_filename) and not stopped:
        stopped.append(event)
        print("stopped", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
sys.addaudithook(hook)
journal = Journal(Path(sys.argv[1]))
scope = Scope(Run("JB_1", 1))
for number in range(100):
    journal.line(scope, 20, journal.origin("emitter"), b"line %d" % number)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("event", ["fcntl.flock", "mmap.__new__", "os.rename"])
def test_a_segment_that_is_being_made_is_left_alone(tmp_path: Path, event: str) -> None:
    home = tmp_path / "home"
    db = open_database(home / "qntx.db")
    (home / "journal").mkdir()
    drain = Drain(home / "journal", SqliteLogWriter(db))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home / "journal"), event],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    try:
        first = writer.stdout.readline()
        if first == b"stopped\n":
            wait_until(lambda: state_of(writer.pid) == "T", "the writer is stopped")
            for _ in range(5):
                drain.round(check_deaths=True)
            os.kill(writer.pid, signal.SIGCONT)
            first = writer.stdout.readline()
        assert first == b"written\n", writer.stderr.read().decode()  # type: ignore[union-attr]
        while drain.round(check_deaths=True):
            pass
        assert db.execute("SELECT count(*) FROM log_lines").fetchall() == [(100,)]
    finally:
        writer.communicate()
        drain.close()
        db.close()


@pytest.mark.parametrize("event", ["fcntl.flock", "mmap.__new__", "os.rename"])
def test_what_a_writer_killed_at_birth_leaves_is_removed(tmp_path: Path, event: str) -> None:
    home = tmp_path / "home"
    db = open_database(home / "qntx.db")
    (home / "journal").mkdir()
    drain = Drain(home / "journal", SqliteLogWriter(db))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home / "journal"), event],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.kill()
    writer.communicate()
    try:
        for _ in range(5):
            drain.round(check_deaths=True)
        drain.close()
        drain = Drain(
            home / "journal", SqliteLogWriter(db)
        )  # leftovers may wait for the next start
        for _ in range(5):
            drain.round(check_deaths=True)
        assert [path.name for path in (home / "journal").iterdir() if path.is_file()] == []
        assert drain.producers == 0
    finally:
        drain.close()
        db.close()
