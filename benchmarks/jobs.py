"""Jobs from queue to end with everything captured, beside Huey in the same run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import Report, median, percentile
from qntx.app import App
from qntx.builtin import built_in_app
from qntx.clock import iso, now_us
from qntx.config import load
from qntx.runtime.supervisor import Supervisor

HERE = Path(__file__).resolve().parent
WORKERS = 2
ROUNDS = 3
JOBS = 10_000
BATCH = 1_000
#: Huey takes so much longer that fewer are enough.
HUEY_JOBS = 2_000
LATENCIES = 300
FINISHED = 1_000_000
HUEY = """
from huey import SqliteHuey
huey = SqliteHuey(filename={path!r})

@huey.task()
def noop():
    pass
"""


def measure(home: Path, report: Report) -> None:
    """Everything, one after the other."""
    with environment():
        rates, deciles, huey = [], [], []
        for n in range(ROUNDS):
            rate, decile = run_jobs(home / f"qntx{n}")
            rates.append(rate)
            deciles.append(decile)
            os.sync()  # what one of them leaves to be written must not slow the other down
            huey.append(max(run_huey(kind) for kind in ("process", "thread")))
            os.sync()
        report.head(f"No-op jobs from queue to end, {WORKERS} workers (everything captured)")
        report.note(
            f"qntx {median(rates):,.0f} jobs/s, Huey (SQLite, no capture) {median(huey):,.0f}"
        )
        ratio = median([ours / theirs for ours, theirs in zip(rates, huey, strict=True)])
        report.bar("jobs/s, qntx / Huey", ratio, 5, "×", at_least=True)
        report.bar("last tenth of 10,000 jobs / first", median(deciles), 1.2, "×")
        latency(home / "latency", report)
        memory(home / "memory", report)
    claims(home, report)


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """Workers are to find the application of the benchmark."""
    before = dict(os.environ)
    os.environ["QNTX_APP"] = '["noop:app"]'
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *sys.path])
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def working(home: Path, workers: int = WORKERS) -> Iterator[tuple[App, Supervisor]]:
    """An application whose workers are ready."""
    app = built_in_app(load(home=home, app=["noop:app"]))
    supervisor = Supervisor(app.settings, workers)
    with app.indexing():
        supervisor.start()
        wait(lambda: [w["ready"] for w in supervisor.status()] == [True] * workers)
        try:
            yield app, supervisor
        finally:
            supervisor.stop()


def wait(condition: Callable[[], bool], limit_s: float = 120) -> None:
    """Until *condition* holds, looking a hundred times a second."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit_s} s")
        time.sleep(0.01)


def all_over(app: App) -> bool:
    """Whether no job waits or runs; as cheap as asking Huey for the size of its queue."""
    active = "SELECT 1 FROM async_ix_jobs WHERE status IN ('queued', 'running') LIMIT 1"
    return not app.store.connection.execute(active).fetchall()


def run_jobs(home: Path) -> tuple[float, float]:
    """Jobs per second, and how much longer the last tenth takes than the first."""
    with working(home) as (app, _):
        app.enqueue_all([app.request("bench.noop")] * 200)
        wait(lambda: all_over(app))
        requests = [app.request("bench.noop") for _ in range(JOBS)]
        began = time.perf_counter()
        for start in range(0, JOBS, BATCH):
            app.enqueue_all(requests[start : start + BATCH])
        wait(lambda: all_over(app))
        took = time.perf_counter() - began
        rows = app.store.connection.execute(
            "SELECT (julianday(completed_at) - 2460000.5) * 86400 FROM async_ix_jobs"
            " ORDER BY rowid LIMIT ? OFFSET 200",
            (JOBS,),
        )
        ends = sorted(float(str(end)) for (end,) in rows)
        receipts = app.store.connection.execute(
            "SELECT count(*) FROM job_attempts WHERE status = 'completed' AND lost = 0"
        ).fetchall()
        assert receipts == [(200 + JOBS,)]
    tenth = JOBS // 10
    # The first tenth but one: the very first also pays for the enqueueing beside it.
    return JOBS / took, (ends[-1] - ends[-tenth]) / (ends[2 * tenth] - ends[tenth])


def run_huey(kind: str) -> float:
    """Huey's jobs per second, from the first enqueue to the empty queue."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "hueytasks.py").write_text(HUEY.format(path=str(path / "huey.db")))
        sys.path.insert(0, folder)
        sys.modules.pop("hueytasks", None)
        import hueytasks  # type: ignore[import-not-found]

        consumer = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "huey.bin.huey_consumer",
                "hueytasks.huey",
                "-n",
                "-q",
                "-w",
                str(WORKERS),
                "-k",
                kind,
                "-d",
                "0.01",
            ],
            env={**os.environ, "PYTHONPATH": folder},
            stderr=subprocess.DEVNULL,
        )
        try:
            hueytasks.noop()
            wait(lambda: hueytasks.huey.storage.queue_size() == 0)
            began = time.perf_counter()
            for _ in range(HUEY_JOBS):
                hueytasks.noop()
            wait(lambda: hueytasks.huey.storage.queue_size() == 0)
            return HUEY_JOBS / (time.perf_counter() - began)
        finally:
            sys.path.remove(folder)
            consumer.terminate()
            consumer.wait(20)


def latency(home: Path, report: Report) -> None:
    """From the call of enqueue to the handler's first instruction, the workers idle."""
    with working(home) as (app, _):
        starts = []
        for _ in range(LATENCIES + 20):
            began = time.monotonic_ns()
            job_id = app.enqueue("bench.time")
            wait(lambda job_id=job_id: app.store.jobs.status(job_id) == "completed")
            found = app.store.jobs.get(job_id).result
            starts.append((int(found) - began) / 1e6)
    report.head("From enqueue to the handler's start, idle workers")
    report.bar("p50", median(starts[20:]), 2, "ms")
    report.bar("p99", percentile(starts[20:], 0.99), 10, "ms")


def memory(home: Path, report: Report) -> None:
    """The proportional share of memory of a worker that has run a job and waits."""
    with working(home) as (app, supervisor):
        app.enqueue_all([app.request("bench.noop")] * 50)
        wait(lambda: app.store.jobs.counts()["completed"] == 50)
        shares = [pss_bytes(int(str(w["pid"]))) / 2**20 for w in supervisor.status()]
    report.head("Memory")
    report.bar("an idle worker (PSS)", max(shares), 45, "MiB")


def pss_bytes(pid: int) -> int:
    """The proportional set size of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no PSS")


def claims(home: Path, report: Report) -> None:
    """What a claim costs with a million jobs in the table, against an empty one."""
    empty = claim_us(home / "empty", 0)
    full = claim_us(home / "full", FINISHED)
    report.head(f"Claims of 10 jobs of 1,000, with {FINISHED:,} finished jobs in the table")
    report.note(f"{empty:.0f} µs with none, {full:.0f} µs with all")
    report.bar("claim, full / empty", full / empty, 1.5, "×")


def claim_us(home: Path, finished: int) -> float:
    """The median time of a claim, µs."""
    app = App(home=home)
    db = app.store.connection
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        " INSERT INTO async_ix_jobs(id, source, status, handler_name, payload, created_at,"
        " updated_at, completed_at, attempt) SELECT printf('JB_%012d', i), 'bench', 'completed',"
        " 'bench.noop', 'null', ?2, ?2, ?2, 1 FROM n WHERE ?1 > 0",
        (finished, iso(now_us())),
    )
    if finished:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        os.sync()
    app.registry.handler("bench.noop")(lambda ctx, payload: None)
    app.enqueue_all([app.request("bench.noop") for _ in range(1_000)])
    times = []
    for _ in range(100):
        began = time.perf_counter()
        assert len(app.queue.claim(10, "bench", ["bench.noop"], 30)) == 10
        times.append((time.perf_counter() - began) * 1e6)
    app.store.close()
    return median(times)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("QNTX_BENCH_DIR")) as folder:
        report = Report()
        measure(Path(folder), report)
        sys.exit(report.end())
