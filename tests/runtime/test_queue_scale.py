"""The queue with much behind it: what is over costs a claim nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from qntx.clock import iso, now_us
from qntx.storage.sqlite import queue
from tests.support.queue_bench import Bench

FINISHED = 100_000
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO async_ix_jobs(id, source, status, handler_name, payload, created_at, updated_at,
    completed_at, attempt)
SELECT printf('JB_%012d', i), 's' || (i % 1000), 'completed', 'a', 'null', ?2, ?2, ?2, 1 FROM n
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = Bench(tmp_path_factory.mktemp("scale") / "home")
    found.store.connection.execute(FILL, (FINISHED, iso(now_us())))
    yield found
    found.close()


def plan(bench: Bench, sql: str, values: Any = ()) -> str:
    """How the database would execute *sql*."""
    rows = bench.store.connection.execute("EXPLAIN QUERY PLAN " + sql, values)
    return "\n".join(str(row[3]) for row in rows)


@pytest.mark.parametrize("analysed", [False, True])
def test_a_claim_reads_only_what_is_ready(bench: Bench, analysed: bool) -> None:
    if analysed:
        bench.store.connection.execute("ANALYZE")
    values = {"at": iso(now_us()), "limit": 10, "handlers": '["a"]'}
    found = plan(bench, queue._CLAIM, values)
    assert "SCAN async_ix_jobs USING INDEX jobs_ready" in found
    assert "TEMP B-TREE" not in found
    assert "SCAN async_ix_jobs\n" not in found + "\n"


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (
            "SELECT min(next_attempt_at) FROM async_ix_jobs WHERE status = 'queued'"
            " AND next_attempt_at IS NOT NULL",
            "jobs_delayed",
        ),
        (
            "UPDATE async_ix_jobs SET next_attempt_at = NULL WHERE status = 'queued'"
            " AND next_attempt_at <= '2026'",
            "jobs_delayed",
        ),
        (
            "SELECT id, stop_request FROM async_ix_jobs WHERE status = 'running'"
            " AND stop_request IS NOT NULL",
            "jobs_to_stop",
        ),
        (
            "SELECT id FROM async_ix_jobs WHERE handler_name = 'a' AND source = 's1'"
            " AND status IN ('queued', 'running', 'paused')",
            "jobs_active",
        ),
    ],
)
def test_what_a_supervisor_asks_all_the_time_has_an_index(
    bench: Bench, sql: str, index: str
) -> None:
    assert f"USING INDEX {index}" in plan(bench, sql) or f"USING COVERING INDEX {index}" in plan(
        bench, sql
    )


def test_a_claim_takes_as_long_as_in_an_empty_table(bench: Bench, tmp_path: Path) -> None:
    fresh = Bench(tmp_path / "home")
    times = {}
    for name, one in (("empty", fresh), ("full", bench)):
        for n in range(60):
            one.enqueue(source=f"x{n}")
        taken = []
        for _ in range(60):
            began = time.perf_counter()
            assert len(one.claim()) == 1
            taken.append(time.perf_counter() - began)
        times[name] = sorted(taken)[10]
    fresh.close()
    assert times["full"] < 5 * times["empty"]  # a scan of the table would take 100 times as long
