"""Several processes claim from one queue."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from qntx.model.job import JobRequest
from qntx.storage.sqlite.store import SqliteStore
from tests.support.queue_bench import Bench

pytestmark = pytest.mark.slow


def _claim_all(home: str, out: Any) -> None:
    store = SqliteStore(Path(home) / "qntx.db")
    found = []
    while jobs := store.queue.claim(3, f"w{os.getpid()}", ["a"], 30):
        found += [job.id for job in jobs]
    out.put(found)


def test_many_processes_claim_each_job_once(bench: Bench) -> None:
    ids = bench.queue.enqueue([JobRequest(handler_name="a", source="x")] * 400)
    context = multiprocessing.get_context("spawn")
    out: Any = context.Queue()
    home = str(bench.home)
    processes = [context.Process(target=_claim_all, args=(home, out)) for _ in range(3)]
    for process in processes:
        process.start()
    claimed = [job_id for _ in processes for job_id in out.get(timeout=60)]
    for process in processes:
        process.join(30)
    assert sorted(claimed) == sorted(ids)
