"""Several at once on one store: no job is claimed twice, no key makes two jobs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qntx.storage.interfaces import Store

from .backends import Backend
from .claiming import claim_all
from .queueing import enqueue, request

ROOT = Path(__file__).resolve().parent.parent.parent


def together(backend: Backend, folder: Path, jobs: list[Callable[[Store], Any]]) -> list[Any]:
    """What each of *jobs* gives, all begun at one moment in threads of their own."""
    barrier = threading.Barrier(len(jobs))
    found: dict[int, Any] = {}

    def run(number: int) -> None:
        with backend.make(folder) as mine:
            barrier.wait(30)
            found[number] = jobs[number](mine)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(jobs))]


def test_threads_that_claim_at_once(backend: Backend, folder: Path, store: Store) -> None:
    ids = store.queue.enqueue([request() for _ in range(60)])
    jobs = [lambda mine, n=n: claim_all(mine, f"w{n}") for n in range(4)]
    found = together(backend, folder, jobs)
    assert sorted(job for mine in found for job in mine) == sorted(ids)
    for number, mine in enumerate(found):
        assert mine == sorted(mine, key=ids.index), "each gets them in their order"
        assert {store.jobs.attempts(i)[0].worker for i in mine} <= {f"w{number}"}


def test_threads_that_share_a_store(store: Store) -> None:
    ids = store.queue.enqueue([request() for _ in range(40)])
    found: list[str] = []

    def run() -> None:
        found.extend(claim_all(store, "w"))
        store.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(ids)


@pytest.mark.slow
def test_processes_that_claim_at_once(backend: Backend, folder: Path, store: Store) -> None:
    ids = store.queue.enqueue([request() for _ in range(300)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.claiming", backend.name, folder, f"w{n}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    found: list[str] = []
    for process in processes:
        assert process.stdout is not None
        found += process.stdout.read().split()
        process.stdout.close()
        assert process.wait() == 0
    assert Counter(found) == Counter(ids)


def test_one_key_makes_one_job_whoever_is_first(backend: Backend, folder: Path) -> None:
    for key in ("k", "l", "m"):
        keyed = [lambda mine: enqueue(mine, idempotency_key=key)] * 4  # noqa: B023
        assert len(set(together(backend, folder, keyed))) == 1
        unique = [lambda mine: enqueue(mine, source=key, unique=True)] * 4  # noqa: B023
        assert len(set(together(backend, folder, unique))) == 1
    with backend.make(folder) as store:
        assert store.jobs.counts()["queued"] == 6


def test_a_job_goes_one_way_when_two_move_it_at_once(
    backend: Backend, folder: Path, store: Store
) -> None:
    """A claim and a cancel: it runs and is asked to stop, or it never ran."""
    for _ in range(15):
        job_id = enqueue(store)
        (claimed, _) = together(
            backend,
            folder,
            [lambda mine: claim_all(mine, "w"), lambda mine, i=job_id: mine.queue.cancel(i)],
        )
        shown = store.jobs.get(job_id)
        if claimed:
            assert (shown.status, shown.stop_request, shown.attempt) == ("running", "cancel", 1)
        else:
            assert (shown.status, shown.stop_request, shown.attempt) == ("cancelled", None, 0)
