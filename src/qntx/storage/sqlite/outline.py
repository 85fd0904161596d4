"""The stage → task tree in SQLite, folded from the contexts of an attempt."""

from __future__ import annotations

from typing import Any

from qntx.model.views import Counts, StageView, TaskView
from qntx.storage.sqlite.jobs import load_json
from qntx.storage.sqlite.lines import SEQ_MASK, timestamp

# Without events of its own, a stage or task begins and ends with what was said in it.
SELECT_CONTEXTS = f"""
SELECT stage, task_id, name, status, ifnull(started_at, first_ts),
       iif(started_at IS NULL, last_ts, ended_at), result, line_count, debug_count, info_count,
       warn_count, error_count, critical_count, first_id & {SEQ_MASK}, last_id & {SEQ_MASK}
FROM log_contexts WHERE run_key = ? ORDER BY first_id NULLS LAST, context_key
"""


def outline(rows: list[tuple[Any, ...]]) -> list[StageView]:
    """Group the rows of SELECT_CONTEXTS by stage, both in the order of first words."""
    stages: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        if row[7] or row[3]:
            stages.setdefault(row[0] or "", []).append(row)
    return [_stage(name, members) for name, members in stages.items()]


def _stage(name: str, members: list[tuple[Any, ...]]) -> StageView:
    own = next((row for row in members if row[1] is None), None)
    columns = list(zip(*members, strict=True))
    status = own[3] if own else None
    if own and status not in (None, "pending"):  # it has events of its own
        started, ended = own[4], own[5]
    else:
        started = min([at for at in columns[4] if at is not None], default=None)
        ended = max([at for at in columns[5] if at is not None], default=None)
    if status == "running":
        ended = None
    counts = Counts(*map(sum, columns[7:13]))
    return StageView(
        stage=name,
        status=status,
        started_at=_iso(started),
        ended_at=_iso(ended),
        duration_ms=_ms(started, ended),
        log_count=counts.total,
        counts=counts,
        first_seq=members[0][13],
        last_seq=max(filter(None, columns[14]), default=None),
        tasks=[_task(name, *row) for row in members if row[7] or row[1] is not None],
    )


def _task(
    stage: str,
    _: str,
    task: str | None,
    name: str | None,
    status: str | None,
    started: int | None,
    ended: int | None,
    result: str | None,
    lines: int,
    debug: int,
    info: int,
    warn: int,
    error: int,
    critical: int,
    first: int | None,
    last: int | None,
) -> TaskView:
    duration = None if started is None or ended is None else max(0, (ended - started) // 1000)
    # By position: there may be a hundred thousand of them, and names take a tenth longer.
    return TaskView(
        stage if task is None else task,
        name,
        task is None,
        lines,
        Counts(lines, debug, info, warn, error, critical),
        status,
        None if started is None else timestamp(started),
        None if ended is None else timestamp(ended),
        duration,
        load_json(result) if result else None,
        first,
        last,
    )


def _iso(at_us: int | None) -> str | None:
    return None if at_us is None else timestamp(at_us)


def _ms(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else max(0, (end - start) // 1000)
