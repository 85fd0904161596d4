"""From the call to the store: sustained lines, how soon they show, many processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import apsw

from measure import Report, median, messages, percentile
from qntx.indexer.launch import IndexerProcess
from qntx.storage.sqlite.migrate import open_database

LINES = 200_000
ROUNDS = 3


def measure(home: Path, report: Report) -> None:
    """Sustained throughput against bare inserts, visibility, and calls of four processes."""
    sustained(home, report)
    report.head("Visible in another process, 2,000 lines/s (ms from the call; medians of 3 runs)")
    for busy in (False, True):
        where = "beside a CPU-bound job" if busy else "idle job"
        runs = [visibility(home / f"visible{busy}{n}", busy) for n in range(3)]
        p50, p99 = median([r[0] for r in runs]), median([r[1] for r in runs])
        report.bar(f"visible p50, {where}", p50, 2, "ms")
        report.bar(f"visible p99, {where}", p99, 5, "ms")
    report.head("Four processes logging at once")
    worst = four_processes(home / "four")
    report.bar("longest call", worst, 50, "ms")


# -- sustained -------------------------------------------------------------------------------------


def sustained(home: Path, report: Report) -> None:
    ratios, naive_ratios, rates = [], [], []
    for index in range(ROUNDS):
        ours = rate_of_ours(home / f"ours{index}")
        bare = rate_of_bare(home / f"bare{index}.db")
        naive = rate_of_naive(home / f"naive{index}.db")
        rates.append(ours)
        ratios.append(ours / bare)
        naive_ratios.append(ours / naive)
    report.head(f"Sustained, durable and visible ({LINES:,} lines a round, medians of {ROUNDS})")
    report.note(f"lines per second: {median(rates):,.0f}")
    report.bar("share of a bare insert of the same shape", median(ratios), 0.45, "", at_least=True)
    report.bar(
        "against one commit per line, upstream's schema",
        median(naive_ratios),
        100,
        "×",
        at_least=True,
    )


def rate_of_ours(home: Path) -> float:
    """Lines per second from the first call until the last line is in the store."""
    open_database_once(home)
    indexer = IndexerProcess(home)
    try:
        child = subprocess.run(
            [sys.executable, __file__, "produce", str(home), str(LINES)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return float(json.loads(child.stdout)["rate"])
    finally:
        indexer.stop()


def produce(home: Path, number: int) -> None:
    """The job of :func:`rate_of_ours`: says *number* lines and waits until all are stored."""
    emit, _ = emitter(home)
    texts = messages(2_000)
    reader = apsw.Connection(str(home / "qntx.db"), flags=apsw.SQLITE_OPEN_READONLY)
    emit.info("warm-up")
    while not stored(reader):
        time.sleep(0.001)
    before = stored(reader)
    start = time.perf_counter()
    for index in range(number):
        emit.info(texts[index % 2000])
    while stored(reader) < before + number:
        time.sleep(0.0005)
    print(json.dumps({"rate": number / (time.perf_counter() - start)}))


def stored(reader: apsw.Connection) -> int:
    for (number,) in reader.execute("SELECT total(stored) FROM job_attempts"):
        return int(number)
    return 0


def rate_of_bare(path: Path) -> float:
    """Rows per second of the same shape, inserted by nothing but SQLite, in one transaction."""
    db = apsw.Connection(str(path))
    db.execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE log_lines(id INTEGER"
        " PRIMARY KEY, context_key INTEGER, origin_key INTEGER, ts INTEGER, level INTEGER,"
        " flags INTEGER, message TEXT, metadata TEXT);"
        "CREATE INDEX lines_by_level ON log_lines (level, id) WHERE level >= 30"
    ).fetchall()
    now = time.time_ns() // 1000
    texts = messages(2_000)
    rows = [(1 << 32 | i, 1, 1, now + i, 20, 0, texts[i % 2000], None) for i in range(LINES)]
    start = time.perf_counter()
    with db:
        db.cursor().executemany("INSERT INTO log_lines VALUES(?,?,?,?,?,?,?,?)", rows)
    return LINES / (time.perf_counter() - start)


def rate_of_naive(path: Path) -> float:
    """Lines per second with upstream's table, its three indexes and one commit per line."""
    number = 1_500
    db = apsw.Connection(str(path))
    db.execute(
        "CREATE TABLE task_logs(id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT, stage TEXT,"
        " task_id TEXT, timestamp DATETIME, level TEXT, message TEXT, metadata TEXT);"
        "CREATE INDEX a ON task_logs(job_id); CREATE INDEX b ON task_logs(task_id);"
        "CREATE INDEX c ON task_logs(timestamp DESC); CREATE INDEX d ON task_logs(job_id, stage)"
    ).fetchall()
    texts = messages(2_000)
    start = time.perf_counter()
    for index in range(number):
        db.execute(
            "INSERT INTO task_logs(job_id, stage, task_id, timestamp, level, message)"
            " VALUES(?,?,?,?,?,?)",
            ("JB_x", "score", "CN_1", "2026-01-01T00:00:00Z", "info", texts[index]),
        )
    return number / (time.perf_counter() - start)


# -- visibility ------------------------------------------------------------------------------------


def visibility(home: Path, busy: bool) -> tuple[float, float]:
    """(p50, p99) in ms between a call and another process seeing its line."""
    open_database_once(home)
    indexer = IndexerProcess(home)
    producer = subprocess.Popen(
        [sys.executable, __file__, "pace", str(home), "busy" if busy else "idle"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        reader = apsw.Connection(str(home / "qntx.db"), flags=apsw.SQLITE_OPEN_READONLY)
        late: list[float] = []
        last = 0
        while producer.poll() is None:
            for line_id, message in reader.execute(
                "SELECT id, message FROM log_lines WHERE id > ? ORDER BY id", (last,)
            ):
                last = line_id
                late.append((time.time_ns() - int(message)) / 1e6)
            time.sleep(0.0003)
        skip = len(late) // 10  # start-up of the producer
        return percentile(late[skip:], 0.5), percentile(late[skip:], 0.99)
    finally:
        producer.wait(10)
        indexer.stop()


def pace(home: Path, busy: bool) -> None:
    """The job of :func:`visibility`: 2,000 lines a second for 3 s, each with its time in it."""
    emit, _ = emitter(home)
    step = 0.0005
    next_at = time.perf_counter()
    for _ in range(6_000):
        next_at += step
        emit.info(str(time.time_ns()))
        if busy:
            while time.perf_counter() < next_at:
                sum(range(20))
        else:
            time.sleep(max(0.0, next_at - time.perf_counter()))


# -- four processes --------------------------------------------------------------------------------


def four_processes(home: Path) -> float:
    """The longest call in ms, of four processes that log 50,000 lines each at full speed."""
    open_database_once(home)
    indexer = IndexerProcess(home)
    try:
        children = [
            subprocess.Popen(
                [sys.executable, __file__, "flood", str(home)], stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        return max(float(child.communicate(timeout=120)[0]) for child in children)
    finally:
        indexer.stop()


def flood(home: Path) -> None:
    """One of the four: prints its longest call in ms."""
    emit, _ = emitter(home)
    texts = messages(2_000)
    longest = 0
    for index in range(50_000):
        before = time.perf_counter_ns()
        emit.info(texts[index % 2000])
        longest = max(longest, time.perf_counter_ns() - before)
    print(longest / 1e6)


# -- shared ----------------------------------------------------------------------------------------


def emitter(home: Path):
    """An emitter of a run of this process, in the data directory *home*."""
    from qntx.journal.run_scope import Run
    from qntx.recording.context import ActiveRun
    from qntx.recording.emitter import LogCapturingEmitter
    from qntx.recording.session import journal_of

    active = ActiveRun(Run(f"JB_{os.getpid()}", 1), journal_of(home))
    return LogCapturingEmitter(active), active


def open_database_once(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    open_database(home / "qntx.db").close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder = Path(sys.argv[2])
        {
            "produce": lambda: produce(folder, int(sys.argv[3])),
            "pace": lambda: pace(folder, sys.argv[3] == "busy"),
            "flood": lambda: flood(folder),
        }[sys.argv[1]]()
    else:
        with tempfile.TemporaryDirectory(dir=os.environ.get("QNTX_BENCH_DIR")) as name:
            shown = Report()
            measure(Path(name), shown)
            sys.exit(shown.end())
