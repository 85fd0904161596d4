"""Schedules in SQLite: rows, what is due, and the moves of a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from qntx.clock import from_iso, iso
from qntx.errors import BadInput, Conflict, NotFound
from qntx.model.firing_policy import ON_TIME_US, SILENCE_US, Downtime
from qntx.model.schedule import Schedule, ScheduleState, kept_timing
from qntx.storage.interfaces.schedules import Schedules
from qntx.storage.sqlite.jobs import load_json, make_cursor, read_cursor
from qntx.storage.sqlite.translation import translated

MAX_PAGE = 1_000
_COLUMNS = (
    "id",
    "name",
    "ats_code",
    "handler_name",
    "payload",
    "source_url",
    "interval_seconds",
    "cron",
    "run_at",
    "anchor_at",
    "time_zone",
    "jitter_seconds",
    "start_at",
    "end_at",
    "overlap",
    "missed",
    "priority",
    "state",
    "state_reason",
    "next_run_at",
    "next_nominal_at",
    "last_run_at",
    "last_execution_id",
    "created_from_doc_id",
    "declared_as",
    "metadata",
    "created_at",
    "updated_at",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)}, rowid FROM scheduled_pulse_jobs "
_JSON = ("payload", "metadata")


@translated
class ScheduleStore(Schedules):
    """The schedules of one database; writes belong into the caller's transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    # -- reading -------------------------------------------------------------------------------

    def get(self, schedule_id: str) -> Schedule:
        for row in self._db.execute(_SELECT + "WHERE id = ?", (schedule_id,)):
            return _schedule(row)
        raise NotFound(f"unknown schedule {schedule_id!r} - qntx schedules lists those that exist")

    def page(
        self, *, limit: int = 1_000, cursor: str | None = None, states: Sequence[str] = ()
    ) -> tuple[list[Schedule], str | None]:
        for state in states:
            if state not in set(ScheduleState):
                known = ", ".join(ScheduleState)
                raise BadInput(f"{state[:40]!r} is not a valid schedule state - use one of {known}")
        wanted = list(states) or [s for s in map(str, ScheduleState) if s != ScheduleState.DELETED]
        limit = max(1, min(limit, MAX_PAGE))
        before = (1 << 62) if cursor is None else read_cursor(cursor)
        rows = self._db.execute(
            f"{_SELECT} WHERE state IN ({','.join('?' * len(wanted))}) AND rowid < ?"
            " ORDER BY rowid DESC LIMIT ?",
            (*wanted, before, limit + 1),
        ).fetchall()
        more = make_cursor(rows[limit - 1][-1]) if len(rows) > limit else None
        return [_schedule(row) for row in rows[:limit]], more

    def due(self, now_us: int, limit: int) -> list[str]:
        rows = self._db.execute(
            "SELECT id FROM scheduled_pulse_jobs WHERE state = 'active' AND next_run_at <= ?"
            " ORDER BY next_run_at LIMIT ?",
            (iso(now_us), limit),
        )
        return [str(row[0]) for row in rows]

    def next_due_us(self) -> int | None:
        for (at,) in self._db.execute(
            "SELECT min(next_run_at) FROM scheduled_pulse_jobs WHERE state = 'active'"
        ):
            return None if at is None else from_iso(str(at))
        return None

    def ahead(self, now_us: int) -> list[Schedule]:
        sql = _SELECT + "WHERE state = 'active' AND next_nominal_at > ?"
        return [_schedule(row) for row in self._db.execute(sql, (iso(now_us),))]

    def declared(self) -> dict[str, Schedule]:
        sql = _SELECT + "WHERE declared_as IS NOT NULL AND state <> 'deleted'"
        found = [_schedule(row) for row in self._db.execute(sql)]
        return {str(schedule.declared_as): schedule for schedule in found}

    # -- writing -------------------------------------------------------------------------------

    def insert(self, fields: dict[str, Any]) -> None:
        columns = ", ".join(fields)
        marks = ", ".join(f":{name}" for name in fields)
        try:
            self._db.execute(
                f"INSERT INTO scheduled_pulse_jobs({columns}) VALUES({marks})", _stored(fields)
            )
        except apsw.ConstraintError as error:
            raise Conflict(
                f"schedule {fields['id']} cannot be kept: {error} - another one of the key "
                f"{fields.get('declared_as')!r} is there already"
            ) from None

    def update(self, schedule_id: str, fields: dict[str, Any], now_us: int) -> None:
        values = {**_stored(fields), "updated_at": iso(now_us)}
        pairs = ", ".join(f"{name} = :{name}" for name in values)
        self._db.execute(
            f"UPDATE scheduled_pulse_jobs SET {pairs} WHERE id = :schedule_id",
            {**values, "schedule_id": schedule_id},
        )

    def advance(self, schedule: Schedule, fields: dict[str, Any], now_us: int) -> bool:
        values = {**_stored(fields), "updated_at": iso(now_us)}
        pairs = ", ".join(f"{name} = :{name}" for name in values)
        self._db.execute(
            f"UPDATE scheduled_pulse_jobs SET {pairs} WHERE id = :schedule_id"
            " AND state = 'active' AND next_nominal_at IS :expected",
            {**values, "schedule_id": schedule.id, "expected": schedule.next_nominal_at},
        )
        return self._db.changes() > 0

    def finish_stopping(self, now_us: int) -> list[str]:
        rows = self._db.execute(
            "UPDATE scheduled_pulse_jobs SET state = 'inactive', updated_at = ?,"
            " state_reason = 'its last job is over' WHERE state = 'stopping' AND NOT EXISTS"
            " (SELECT 1 FROM pulse_executions e WHERE e.scheduled_job_id = scheduled_pulse_jobs.id"
            "  AND e.status = 'running') RETURNING id",
            (iso(now_us),),
        ).fetchall()
        return [str(row[0]) for row in rows]

    # -- the beat of the tickers -----------------------------------------------------------------

    def last_beat_us(self) -> int | None:
        for (at,) in self._db.execute("SELECT at FROM scheduler_beat"):
            return from_iso(str(at))
        return None

    def beat(self, now_us: int, *, begins: bool = False) -> Downtime | None:
        before = self._db.execute("SELECT at, down_from, down_until FROM scheduler_beat").fetchone()
        down = None
        if before is not None:
            at, since, until = before
            if since is not None:
                down = Downtime(from_iso(str(since)), from_iso(str(until)))
            if now_us - from_iso(str(at)) > (ON_TIME_US if begins else SILENCE_US):
                down = Downtime(from_iso(str(at)), now_us)
        self._db.execute(
            "INSERT OR REPLACE INTO scheduler_beat VALUES(1, ?, ?, ?)",
            (iso(now_us), down and iso(down.from_us), down and iso(down.until_us)),
        )
        return down


def _stored(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as columns: what is JSON, as text."""
    return {
        name: msgspec.json.encode(value).decode() if name in _JSON and value is not None else value
        for name, value in fields.items()
    }


def _schedule(row: Iterable[Any]) -> Schedule:
    fields = dict(zip(_COLUMNS, row, strict=False))
    fields["created_from_doc"] = fields.pop("created_from_doc_id")
    for name in _JSON:
        fields[name] = load_json(fields[name])
    schedule = Schedule(**fields, timing="")
    try:
        timing = kept_timing(schedule).describe()
    except BadInput as error:
        timing = f"unusable: {error}"  # one damaged row breaks no list
    return msgspec.structs.replace(schedule, timing=timing)
