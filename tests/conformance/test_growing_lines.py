"""Lines that have no newline yet, as a backend keeps and shows them."""

from __future__ import annotations

from qntx.model.views import LogFilter
from qntx.storage.interfaces import Store
from qntx.storage.interfaces.log_rows import PartRow

from .queueing import running
from .small_indexer import SmallIndexer


def part(
    indexer: SmallIndexer, job: object, number: int, body: bytes, *, part: int = 1, frames: int = 0
) -> PartRow:
    context = indexer.keys.context(indexer.run(job), "s", "t")  # type: ignore[arg-type]
    indexer.writer.place([context])
    origin = indexer.keys.origin("stdout", None)
    return PartRow("p", part, number, context.context_key, origin, 77, 20, 0, body, frames)


def texts(store: Store, job_id: str, **wanted: object) -> list[tuple[str, object]]:
    found = store.logs.growing(job_id, LogFilter(**wanted))  # type: ignore[arg-type]
    return [(line.message, line.metadata) for line in found]


def test_pieces_are_one_line_until_it_is_whole(store: Store, indexer: SmallIndexer) -> None:
    job, other = running(store), running(store)
    with indexer.round():
        indexer.writer.save_parts([part(indexer, job, n, b"%d " % n) for n in range(3)])
        indexer.writer.save_parts([part(indexer, other, 0, b"other", part=2)])
    [line] = store.logs.growing(job.id, LogFilter())
    assert (line.message, line.id, line.attempt) == ("0 1 2 ", 0, 1)
    assert (line.stage, line.task_id, line.source, line.level) == ("s", "t", "stdout", "info")
    assert line.flags == ["no_newline"]
    page = store.logs.page(job.id, LogFilter())
    assert (page.logs, page.growing, page.total_count) == ([], [line], 0)
    with indexer.round():
        indexer.writer.save_parts([part(indexer, job, 2, b"two")])
    assert texts(store, job.id) == [("0 1 two", None)]
    with indexer.round():
        indexer.writer.drop_parts([("p", 1)])
    assert texts(store, job.id) == []
    assert texts(store, other.id) == [("other", None)]


def test_of_a_progress_bar_the_newest_frame_shows(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    with indexer.round():
        indexer.writer.save_parts([part(indexer, job, 0, b"\r43%", frames=42)])
    assert texts(store, job.id) == [("43%", {"frames": 43})]


def test_filters_are_those_of_lines(store: Store, indexer: SmallIndexer) -> None:
    job = running(store)
    with indexer.round():
        indexer.writer.save_parts([part(indexer, job, 0, b"some text")])
    shown = [("some text", None)]
    for wanted in ({"stage": "s"}, {"task_id": "t"}, {"min_level": 20}, {"sources": ("stdout",)}):
        assert texts(store, job.id, **wanted) == shown, wanted
    assert texts(store, job.id, attempt=1, levels=("info", "error")) == shown
    for wanted in ({"stage": "x"}, {"task_id": "x"}, {"min_level": 30}, {"sources": ("logging",)}):
        assert texts(store, job.id, **wanted) == [], wanted
    assert texts(store, job.id, attempt=2) == []
    assert texts(store, job.id, text="some") == [], "nobody searches in what is not there yet"
