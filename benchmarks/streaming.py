"""From the call to a browser: how late a line is there, and what retention costs who writes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from measure import Report, median, percentile
from qntx.app import App
from qntx.clock import iso, now_us
from qntx.config import RetentionSettings
from qntx.maintenance.retention import Retention
from qntx.model.retention import DAY_US
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.migrate import open_database

RATE = 1_000
SECONDS = 6
OLD_RUNS, OLD_LINES = 20, 50_000

SERVER = """
import sys
from qntx.app import App

App(home=sys.argv[1]).serve(port=0, workers=0, ready=lambda url: print(url, flush=True))
"""


def measure(home: Path, report: Report) -> None:
    """Lines in a client at 1,000 lines/s; deleting a million lines beside a writer."""
    report.head(f"In a client of the live stream, {RATE:,} lines/s (ms; medians of 3 runs)")
    for clients in (1, 20):
        runs = [streamed(home / f"stream{clients}-{n}", clients) for n in range(3)]
        p50, p99 = median([r[0] for r in runs]), median([r[1] for r in runs])
        report.note(f"p50, {clients} client(s): {p50:.1f} ms")
        report.bar(f"p99, {clients} client(s)", p99, 50, "ms")
    report.head(f"Retention of {OLD_RUNS * OLD_LINES:,} lines beside a writer (ms)")
    deleted, rate, longest, waits, alone, freed = retained(home / "old")
    report.note(f"{deleted:,} lines deleted, {rate:,.0f} lines/s, {freed:.0%} of the file freed")
    report.bar("longest step that holds the write lock", longest, 50, "ms")
    report.bar("longest wait of a writer", waits, 100, "ms")
    report.note(f"its longest wait without retention: {alone:.1f} ms")


# -- the stream ------------------------------------------------------------------------------------


def streamed(home: Path, clients: int) -> tuple[float, float]:
    """p50 and p99 of the time from the call to the client, milliseconds; over all clients."""
    app = App(home=home, capture={"descriptors": False})

    @app.handler("speaks")
    def speaks(ctx: Any, payload: Any) -> None:
        begin = time.monotonic()
        for number in range(RATE * SECONDS):
            rest = begin + number / RATE - time.monotonic()
            if rest > 0:
                time.sleep(rest)
            ctx.emit.info(f"line {number}", called=time.monotonic())

    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home)], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().strip().rpartition(":")[2])
        with app.indexing():
            readers: list[subprocess.Popen[str]] = []

            def follow(job: str) -> None:
                for what in ("client", *(["drain"] if clients > 1 else [])):
                    command = [sys.executable, __file__, what, str(port), job, str(clients - 1)]
                    readers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

            app.run("speaks", on_start=follow)
            out, _ = readers[0].communicate(timeout=60)
            for other in readers[1:]:
                other.communicate(timeout=60)
        p50, p99 = json.loads(out)
        return p50 * 1e3, p99 * 1e3
    finally:
        server.terminate()
        server.wait()


def opened(port: int, job: str) -> http.client.HTTPResponse:
    """The live stream of a job, as soon as there is one."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"/api/pulse/jobs/{job}/events")
        answer = connection.getresponse()
        if answer.status == 200:
            return answer
        answer.read()
        time.sleep(0.005)


def client(port: int, job: str) -> None:
    """Prints p50 and p99 of how long after the call a line is here, seconds."""
    answer = opened(port, job)
    began = time.monotonic()
    delays = []
    for text in answer:
        if text.startswith(b'data: {"id":') and b'"called":' in text:
            now = time.monotonic()
            called = json.loads(text[6:])["metadata"]["called"]
            if called > began:  # what came before is history
                delays.append(now - called)
        elif text == b"event: end\n":
            break
    print(json.dumps([percentile(delays, 0.5), percentile(delays, 0.99)]))


def drain(port: int, job: str, number: int) -> None:
    """That many clients that read whatever comes."""
    threads = [threading.Thread(target=lambda: opened(port, job).read()) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- retention -------------------------------------------------------------------------------------


def retained(home: Path) -> tuple[int, float, float, float, float, float]:
    """Lines deleted, lines/s, longest step, longest waits with and without (ms), share freed."""
    app = App(home=home, capture={"descriptors": False})
    fill(app)
    size = app.settings.database.stat().st_size
    app.store.close()
    alone = Writer(home)
    alone.start()
    time.sleep(1.0)
    alone.stop()
    writer = Writer(home)
    writer.start()
    app.settings.retention = RetentionSettings()
    began = time.monotonic()
    done = Retention(app.settings, lambda: now_us() + 91 * DAY_US).run()
    took = time.monotonic() - began
    writer.stop()
    freed = 1 - app.settings.database.stat().st_size / size
    longest = max(writer.waits) * 1e3
    return (
        done.lines,
        done.lines / took,
        done.longest_step_ms,
        longest,
        max(alone.waits) * 1e3,
        freed,
    )


def fill(app: App) -> None:
    """Old jobs, many lines each."""
    db, at = app.store.connection, iso(now_us())
    for run in range(OLD_RUNS):
        with transaction(db):
            db.execute(
                "INSERT INTO async_ix_jobs(id, source, status, handler_name, created_at,"
                " updated_at, completed_at) VALUES(?, 'x', 'completed', 'x', ?, ?, ?)",
                (f"JB_{run}", at, at, at),
            )
            db.execute(
                "INSERT INTO job_attempts(job_id, attempt, status, started_at, ended_at, accepted,"
                " stored, info_count, error_count) VALUES(?, 1, 'completed', ?, ?, ?, ?, ?, ?)",
                (
                    f"JB_{run}",
                    at,
                    at,
                    OLD_LINES,
                    OLD_LINES,
                    OLD_LINES - OLD_LINES // 50,
                    OLD_LINES // 50,
                ),
            )
            key = db.last_insert_rowid()
            text = "a line of an old job, of about the length that lines have, number {} of it"
            db.executemany(
                "INSERT INTO log_lines VALUES(?, 1, 1, 0, ?, 0, ?, NULL)",
                (
                    (key << 32 | n, 40 if n % 50 == 0 else 20, text.format(n))
                    for n in range(1, OLD_LINES + 1)
                ),
            )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class Writer(threading.Thread):
    """Writes a row 500 times a second, and notes how long it waited for its turn."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home
        self.waits: list[float] = []
        self._stopping = threading.Event()

    def run(self) -> None:
        db = open_database(self._home / "qntx.db")
        while not self._stopping.wait(0.002):
            began = time.monotonic()
            with transaction(db):
                self.waits.append(time.monotonic() - began)
                db.execute("INSERT OR REPLACE INTO maintenance_state VALUES('bench', '', '')")
        db.close()

    def stop(self) -> None:
        """Write no more."""
        self._stopping.set()
        self.join()


if __name__ == "__main__":
    if sys.argv[1] == "client":
        client(int(sys.argv[2]), sys.argv[3])
    else:
        drain(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
