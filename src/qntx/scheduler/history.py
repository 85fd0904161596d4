"""What the executions of a schedule tell together: rates, durations, trend, tables to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

import msgspec

from qntx.model.schedule import Execution, ExecutionStatus
from qntx.storage.interfaces import Executions, Store

#: Statistics are of the newest executions only: what was years ago says little.
EXECUTIONS_LOOKED_AT = 500
#: A change smaller than this share is no trend.
STEADY = 0.1
_CSV_COLUMNS = (
    "id",
    "scheduled_job_id",
    "async_job_id",
    "status",
    "cause",
    "nominal_at",
    "started_at",
    "completed_at",
    "duration_ms",
    "reason",
    "result_summary",
    "error_message",
    "created_at",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Trend(msgspec.Struct, frozen=True):
    """The newer half of the window against the older one; None where there is too little."""

    success_rate: str | None
    duration: str | None


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """How the newest executions went; durations in milliseconds, rates from 0 to 1."""

    schedule_id: str
    window: int
    by_status: dict[str, int]
    success_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    trend: Trend


def statistics(executions: Executions, schedule_id: str) -> Statistics:
    """The statistics of a schedule; cancelled executions count for no rate."""
    ended = executions.ended(schedule_id, EXECUTIONS_LOOKED_AT)
    judged = [status for _, status, _ in ended if status != ExecutionStatus.CANCELLED]
    took = [ms for _, status, ms in ended if ms is not None and status == ExecutionStatus.COMPLETED]
    newer, older = judged[: len(judged) // 2], judged[len(judged) // 2 :]
    quick, slow = took[: len(took) // 2], took[len(took) // 2 :]
    return Statistics(
        schedule_id=schedule_id,
        window=len(ended),
        by_status={
            str(status): executions.total(schedule_id, [status]) for status in ExecutionStatus
        },
        success_rate=_rate(judged),
        p50_ms=percentile(took, 0.50),
        p95_ms=percentile(took, 0.95),
        trend=Trend(
            _direction(_rate(newer), _rate(older), "better", "worse"),
            _direction(percentile(quick, 0.5), percentile(slow, 0.5), "slower", "faster"),
        ),
    )


def percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest of *values* that at least *share* of them do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def csv_rows(executions: Iterable[Execution]) -> Iterator[bytes]:
    """Executions as CSV, a chunk a row, the header first."""
    yield _csv((*_CSV_COLUMNS, "warnings", "errors"))
    for execution in executions:
        values = [getattr(execution, name) for name in _CSV_COLUMNS]
        counts = execution.counts
        yield _csv((*values, counts.warn, counts.error + counts.critical))


def json_rows(executions: Iterable[Execution]) -> Iterator[bytes]:
    """Executions as one JSON array, a chunk a row."""
    before = b"[\n"
    for execution in executions:
        yield before + msgspec.json.encode(execution)
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


def exported(
    store: Store,
    schedule_id: str,
    statuses: Sequence[str],
    rows: Callable[[Iterable[Execution]], Iterator[bytes]],
) -> Iterator[bytes]:
    """The executions of a schedule as *rows* renders them; may be read slowly."""
    with closing(store.exports.executions(schedule_id, statuses)) as executions:
        yield from rows(executions)


def _csv(values: Iterable[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue().encode()


def _cell(value: object) -> object:
    """A spreadsheet must not take what a job said for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _rate(statuses: Sequence[str]) -> float | None:
    if not statuses:
        return None
    return round(sum(s == ExecutionStatus.COMPLETED for s in statuses) / len(statuses), 4)


def _direction(new: float | None, old: float | None, up: str, down: str) -> str | None:
    if new is None or old is None:
        return None
    if abs(new - old) <= STEADY * max(new, old):
        return "steady"
    return up if new > old else down
