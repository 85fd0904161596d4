"""Jobs as they are listed."""

from __future__ import annotations

import pytest

from qntx.errors import BadInput, NotFound
from qntx.storage.interfaces import Store

from .queueing import claim, enqueue, request
from .small_indexer import SmallIndexer


def test_pages_of_any_size_and_filter_are_the_whole(store: Store, indexer: SmallIndexer) -> None:
    parent = enqueue(store, "c")
    ids = [enqueue(store, "ab"[n % 2], parent_job_id=parent if n % 3 else None) for n in range(18)]
    for job in claim(store, 9, ["a", "b"]):
        indexer.end(job, "failed" if job.id == ids[4] else "completed")
    shown = [store.jobs.get(job_id) for job_id in reversed([parent, *ids])]
    for statuses in ((), ("completed",), ("failed", "queued")):
        for handler in (None, "a"):
            for below in (None, parent):
                expected = [
                    job
                    for job in shown
                    if (not statuses or job.status in statuses)
                    and handler in (None, job.handler_name)
                    and below in (None, job.parent_job_id)
                ]
                found = []
                cursor = None
                while True:
                    page = store.jobs.page(
                        limit=4,
                        cursor=cursor,
                        statuses=statuses,
                        handler=handler,
                        parent_job_id=below,
                    )
                    assert page.count == len(page.jobs) <= 4
                    found += page.jobs
                    cursor = page.next_cursor
                    if cursor is None:
                        break
                assert found == expected


def test_a_page_goes_on_where_it_was_while_jobs_arrive(store: Store) -> None:
    ids = [enqueue(store) for _ in range(4)]
    first = store.jobs.page(limit=2)
    enqueue(store)
    second = store.jobs.page(limit=2, cursor=first.next_cursor)
    assert [job.id for job in first.jobs + second.jobs] == ids[::-1]


def test_counts_and_lists_have_no_hidden_end(store: Store) -> None:
    store.queue.enqueue([request()] * 10_001)
    assert store.jobs.counts()["queued"] == 10_001
    seen, cursor = 0, None
    while True:
        page = store.jobs.page(limit=1_000, cursor=cursor)
        seen, cursor = seen + page.count, page.next_cursor
        if cursor is None:
            break
    assert seen == 10_001


def test_counts(store: Store, indexer: SmallIndexer) -> None:
    assert set(store.jobs.counts().values()) == {0}
    for status in ("completed", "failed", "failed", "paused", "cancelled"):
        enqueue(store)
        indexer.end(claim(store)[0], status)
    enqueue(store)
    claim(store)
    enqueue(store)
    assert store.jobs.counts() == {
        "queued": 1,
        "running": 1,
        "paused": 1,
        "completed": 1,
        "failed": 2,
        "cancelled": 1,
    }


def test_what_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match="JB_nothing"):
        store.jobs.get("JB_nothing")
    assert store.jobs.status("JB_nothing") is None
    assert store.jobs.attempts("JB_nothing") == []
    assert store.jobs.children("JB_nothing") == []
    with pytest.raises(BadInput, match="'asleep'"):
        store.jobs.page(statuses=["asleep"])
    with pytest.raises(BadInput, match="'nowhere'"):
        store.jobs.page(cursor="nowhere")
