"""
Reading a large log: a job of a million lines among five million, with the search index.

Times are CPU time, the least of some calls: all of it is in memory, and what else the machine does
is not what is asked here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import numpy

from measure import TEMPLATES, Report
from qntx.indexer.keys import Keys
from qntx.indexer.search_index import SearchIndex
from qntx.indexer.sequencing import store_lines, tally
from qntx.model.filtering import parse_filter
from qntx.storage.sqlite.connection import transaction
from qntx.storage.sqlite.exports import ExportStore
from qntx.storage.sqlite.log_writer import SqliteLogWriter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.search import SearchStore
from qntx.storage.sqlite.search_index_writer import SqliteSearchIndexWriter

LARGE = 1_000_000
SMALL, SMALL_JOBS = 1_000, 4_000
TASKS = 5_000
ROUND = 8_000
JOB = "JB_large"
#: A line in so many has the text that is looked for; in the large job it is every 9,000th.
RARE = 9_000
REPEATS = 15


def measure(home: Path, report: Report) -> None:
    """Pages, trees, filters, search and exports."""
    path = home / "qntx.db"
    last_id = fill(path)
    total = LARGE + SMALL * SMALL_JOBS
    report.head(f"Reading, in memory ({LARGE:,} lines in one job among {total:,}; CPU time)")
    lines, took = index(path)
    with closing(open_database(path)) as db:
        size = path.stat().st_size / total
        report.note(
            f"search index: {took / lines * 1e6:.2f} µs and "
            f"{bytes_of_index(db) / lines:.1f} bytes a line, of {size:.0f}"
        )
        pages(db, report)
        found(db, report, last_id)
    exports(path, report)


def pages(db: apsw.Connection, report: Report) -> None:
    logs, rand = LogStore(db), random.Random(7)

    def anywhere() -> None:
        logs.page(JOB, parse_filter(), limit=1_000, after=str(rand.randrange(LARGE - 1_000)))

    report.bar("page of 1,000 anywhere", ms(anywhere), 2, "ms")
    report.bar(f"tree of {TASKS:,} tasks", ms(lambda: logs.stages(JOB)), 10, "ms")
    for level in ("error", "warn", "info,"):
        wanted = parse_filter(level=level)
        best = ms(lambda: logs.page(JOB, wanted, limit=100))  # noqa: B023
        report.bar(f"first 100 of level {level}", best, 5, "ms")
    every = parse_filter()
    report.bar("all its lines over time", ms(lambda: logs.histogram(JOB, every, 150)), 300, "ms")
    task = parse_filter(task_id="CN_77")
    report.note(f"first 100 of a task: {ms(lambda: logs.page(JOB, task, limit=100)):.3g} ms")


def found(db: apsw.Connection, report: Report, last_id: str) -> None:
    logs, search = LogStore(db), SearchStore(db)

    def in_job(**words: Any) -> Callable[[], None]:
        wanted = parse_filter(**words)
        return lambda: logs.page(JOB, wanted, limit=100) and None

    def in_all(**words: Any) -> Callable[[], None]:
        wanted = parse_filter(**words)
        return lambda: search.page(wanted, limit=100) and None

    assert len(logs.page(JOB, parse_filter(q="Zebra-Crossing"), limit=100).logs) == 100
    assert len(search.page(parse_filter(q=last_id)).logs) == 1
    report.bar(
        "first 100 of a rare text in the job, and how many",
        ms(in_job(q="Zebra-Crossing")),
        200,
        "ms",
    )
    report.bar("first 100 of a rare text over all", ms(in_all(q="zebra-crossing")), 200, "ms")
    report.bar("a hexadecimal id over all", ms(in_all(q=last_id)), 200, "ms")
    report.bar("a text that is nowhere, over all", ms(in_all(q="no such words")), 200, "ms")
    report.note(f"a frequent text over all: {ms(in_all(q='candidate')):.3g} ms")
    report.note(f"a pattern over all: {ms(in_all(q='zebra-[a-z]+ing', regex=True)):.3g} ms")
    report.note(f"a frequent text in the job, and how many: {ms(in_job(q='candidate'), 3):.3g} ms")
    report.note(f"three letters that are nowhere, over all: {ms(in_all(q='qqq'), 3):.3g} ms")


def exports(path: Path, report: Report) -> None:
    exported = ExportStore(path)
    for name, chunks in (("txt", exported.text), ("ndjson", exported.ndjson)):
        rates = []
        for _ in range(3):
            started = time.process_time()
            size = sum(map(len, chunks(JOB, parse_filter())))
            rates.append(LARGE / (time.process_time() - started) / 1e6)
        assert size > LARGE * 80
        report.bar(f"export as {name}", max(rates), 0.5, "M lines/s", at_least=True)


def ms(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least CPU time of some calls, milliseconds."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append((time.process_time() - started) * 1e3)
    return min(times)


# -- something to read ----------------------------------------------------------------------------


def fill(path: Path) -> str:
    """Insert all lines by the indexer's own statements; returns an id that one line holds."""
    rand = random.Random(7)
    with closing(open_database(path)) as db:
        for number in range(SMALL_JOBS // 2):
            add(db, f"JB_{number}", small(rand, number))
        add(db, JOB, large(rand))
        for number in range(SMALL_JOBS // 2, SMALL_JOBS):
            add(db, f"JB_{number}", small(rand, number))
        add(db, "JB_last", [(20, None, None, b"connection 5f0c77e1 was closed")])
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return "5f0c77e1"


def small(rand: random.Random, number: int) -> Iterator[tuple[int, str | None, str | None, bytes]]:
    for index in range(SMALL):
        stage = f"stage {index // 250}"
        yield level_of(rand), stage, None, text(rand, index, number * SMALL + index)


def large(rand: random.Random) -> Iterator[tuple[int, str | None, str | None, bytes]]:
    for index in range(LARGE):
        yield level_of(rand), "score", f"CN_{index % TASKS}", text(rand, index, index)


def level_of(rand: random.Random) -> int:
    chance = rand.random()
    return 40 if chance < 0.0001 else 30 if chance < 0.01 else 10 if chance < 0.3 else 20


def text(rand: random.Random, index: int, number: int) -> bytes:
    said = TEMPLATES[index % len(TEMPLATES)].format(
        a=rand.getrandbits(24), b=rand.getrandbits(13), c=rand.getrandbits(9), d=rand.getrandbits(3)
    )
    return (said + " zebra-Crossing" if number % RARE == 0 else said).encode()


def add(db: apsw.Connection, job_id: str, lines: Any) -> None:
    lines = iter(lines)
    writer = SqliteLogWriter(db)
    keys = Keys(writer)
    at, order = 1_700_000_000_000_000, 0
    db.execute(
        "INSERT INTO async_ix_jobs(id, source, status, handler_name, created_at, updated_at)"
        " VALUES(?, 'benchmark', 'completed', 'bench', '', '')",
        (job_id,),
    )
    while part := list(islice(lines, ROUND)):
        with transaction(db):
            run = keys.run(job_id, 1)
            origin = keys.origin("logging", "bench.job")
            pending = [
                (
                    0,
                    keys.context(run, stage, task),
                    origin,
                    at + order + n,
                    level,
                    0,
                    message,
                    b"",
                )
                for n, (level, stage, task, message) in enumerate(part)
            ]
            writer.add_counts(*tally(store_lines(writer, pending, several=False), [run]))
        order += len(part)


def index(path: Path) -> tuple[int, float]:
    """Build the search index; (lines, seconds)."""
    builder = SearchIndex(SqliteSearchIndexWriter(path))
    builder._numpy = numpy
    started = time.process_time()
    while builder.turn(idle=True):
        pass
    builder.close()
    took = time.process_time() - started
    with closing(open_database(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        ((lines,),) = db.execute("SELECT sum(lines) FROM search_blocks").fetchall()
    return lines, took


def bytes_of_index(db: apsw.Connection) -> int:
    """What its rows hold, about."""
    ((blocks,),) = db.execute("SELECT sum(20 + octet_length(bits)) FROM search_blocks").fetchall()
    ((segments,),) = db.execute("SELECT 30 * count(*) FROM search_segments").fetchall()
    return blocks + segments
