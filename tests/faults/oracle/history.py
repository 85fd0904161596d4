"""What happened in one run: what was acknowledged, and what the store says about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from qntx.model.views import LogFilter
from tests.support.data_directory import Stored


class Producer(msgspec.Struct, frozen=True):
    """One line of control that says lines: where, by which way, and how many."""

    name: str
    #: Where it runs: main, thread, pool, asyncio, executor, fork, spawn, forkserver.
    context: str
    #: How it speaks: emitter, logging, print, write, pieces, stderr, warning, …
    way: str
    stage: str | None
    task: str | None
    count: int

    @property
    def source(self) -> str:
        """The source under which its lines are stored."""
        return _SOURCES.get(self.way, self.way)

    @property
    def placed(self) -> bool:
        """Whether anybody can know its stage and task (bytes on a shared descriptor: nobody)."""
        return self.way not in ("os.write", "libc")


_SOURCES = {
    "print": "stdout",
    "write": "stdout",
    "pieces": "stdout",
    "os.system": "subprocess",
    "os.write": "stdout",
    "libc": "stdout",
}


@dataclass(frozen=True)
class StoredLine:
    """A line as the store has it."""

    attempt: int
    seq: int
    stage: str | None
    task: str | None
    level: int
    source: str
    text: str
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """Counters that the store keeps of a stage or task."""

    stage: str | None
    task: str | None
    lines: int
    first_seq: int | None
    last_seq: int | None
    max_level: int | None
    by_level: tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Attempt:
    """Counters that the store keeps of an attempt, and its states."""

    number: int
    status: str
    job_status: str
    accepted: int
    stored: int
    lost: int
    by_level: tuple[int, int, int, int, int]
    first_error_seq: int | None


@dataclass
class History:
    """One run of one job."""

    job_id: str
    seed: int
    producers: dict[str, Producer]
    #: (producer, n) of every call that had returned, in the order of the ledger.
    acknowledged: list[tuple[str, int]]
    lines: list[StoredLine]
    contexts: list[Context]
    attempts: list[Attempt]
    #: What ``PRAGMA integrity_check`` and ``foreign_key_check`` complain of.
    complaints: list[str] = field(default_factory=list)
    #: Sequence numbers as a walk over the pages shows them, forward and backward.
    walked: list[list[int]] = field(default_factory=list)
    #: The process was killed: its last lines may be stored though nobody acknowledged them.
    killed: bool = False
    #: States in which the job may be found at the end.
    may_be: tuple[str, ...] = ("completed",)


def read_ledger(paths: Iterable[Path]) -> list[tuple[str, int]]:
    """The acknowledgements in ledger files; a last line that was cut by a kill does not count."""
    found = []
    for path in paths:
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                name, _, number = line.rstrip("\n").rpartition(" ")
                found.append((name, int(number)))
    return found


def read_history(
    home: Path,
    job_id: str,
    seed: int,
    producers: Iterable[Producer],
    ledger: Path,
    *,
    killed: bool,
    may_be: tuple[str, ...],
) -> History:
    """The history of *job_id*, from the ledger files beside *ledger* and from the store."""
    store = Stored(home)
    try:
        return History(
            job_id=job_id,
            seed=seed,
            producers={producer.name: producer for producer in producers},
            acknowledged=read_ledger(sorted(ledger.parent.glob(ledger.name + ".*.*"))),
            lines=_lines(store, job_id),
            contexts=_contexts(store, job_id),
            attempts=_attempts(store, job_id),
            complaints=_complaints(store),
            walked=[_walk(store, job_id), _walk_back(store, job_id)],
            killed=killed,
            may_be=may_be,
        )
    finally:
        store.close()


def _lines(store: Stored, job_id: str) -> list[StoredLine]:
    levels = dict(
        store.db.execute(
            "SELECT l.id & 4294967295, l.level FROM log_lines l JOIN log_contexts USING"
            " (context_key) JOIN job_attempts a USING (run_key) WHERE a.job_id = ?",
            (job_id,),
        )
    )
    return [
        StoredLine(
            line.attempt,
            line.id,
            line.stage,
            line.task_id,
            int(levels[line.id]),
            line.source,
            whole.decode("utf-8", "surrogateescape"),
            frozenset(line.flags),
        )
        for line, whole in store.lines(job_id)
    ]


def _contexts(store: Stored, job_id: str) -> list[Context]:
    rows = store.db.execute(
        "SELECT stage, task_id, line_count, first_id & 4294967295, last_id & 4294967295,"
        " max_level, c.debug_count, c.info_count, c.warn_count, c.error_count, c.critical_count"
        " FROM log_contexts c JOIN job_attempts a USING (run_key) WHERE a.job_id = ?",
        (job_id,),
    )
    return [Context(*row[:6], by_level=tuple(row[6:])) for row in rows]  # type: ignore[arg-type]


def _attempts(store: Stored, job_id: str) -> list[Attempt]:
    rows = store.db.execute(
        "SELECT a.attempt, a.status, j.status, a.accepted, a.stored, a.lost, a.debug_count,"
        " a.info_count, a.warn_count, a.error_count, a.critical_count, a.first_error_seq"
        " FROM job_attempts a JOIN async_ix_jobs j ON j.id = a.job_id WHERE a.job_id = ?"
        " ORDER BY a.attempt",
        (job_id,),
    )
    return [Attempt(*row[:6], by_level=tuple(row[6:11]), first_error_seq=row[11]) for row in rows]  # type: ignore[arg-type]


def _complaints(store: Stored) -> list[str]:
    found = [str(row[0]) for row in store.db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return found + [str(row) for row in store.db.execute("PRAGMA foreign_key_check")]


def _walk(store: Stored, job_id: str) -> list[int]:
    seen, after = [], None
    while True:
        page = store.logs.page(job_id, LogFilter(), limit=997, after=after)
        seen += [line.id for line in page.logs]
        after = page.next_cursor
        if after is None:
            return seen


def _walk_back(store: Stored, job_id: str) -> list[int]:
    seen: list[int] = []
    before: str | None = str((1 << 32) - 1)
    while before is not None:
        page = store.logs.page(job_id, LogFilter(), limit=997, before=before)
        seen = [line.id for line in page.logs] + seen
        before = page.prev_cursor
    return seen
