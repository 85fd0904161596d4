"""What changed since the last look: ids of jobs, executions and schedules, found by indexes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import apsw

from qntx.storage.interfaces.changes import Changed, Changes
from qntx.storage.sqlite.translation import translated

#: The most changes of one kind that one look tells of.
MOST = 1_000
#: How far back a view that was away is told what it missed, in jobs and in executions.
LOOK_BACK = 5_000


#: What only grows, by name: the newest number, and the next ones with the id that each is about.
_GROWING = {
    "jobs": (
        "SELECT max(rowid) FROM async_ix_jobs",
        "SELECT rowid, id FROM async_ix_jobs WHERE rowid > ? ORDER BY 1 LIMIT ?",
    ),
    "attempts": (
        "SELECT max(run_key) FROM job_attempts",
        "SELECT run_key, job_id FROM job_attempts WHERE run_key > ? ORDER BY 1 LIMIT ?",
    ),
    "moves": (
        "SELECT max(id) FROM job_moves",
        "SELECT id, job_id FROM job_moves WHERE id > ? ORDER BY 1 LIMIT ?",
    ),
    "executions": (
        "SELECT max(rowid) FROM pulse_executions",
        "SELECT rowid, id FROM pulse_executions WHERE rowid > ? ORDER BY 1 LIMIT ?",
    ),
}


@dataclass
class _Place:
    """Up to where changes were looked at, and how what may change looked then."""

    #: Of `_GROWING`, by name.
    numbers: dict[str, int]
    schedules_at: str = ""
    seen_schedules: set[Any] = field(default_factory=set)
    running: dict[str, Any] = field(default_factory=dict)
    firing: dict[str, Any] = field(default_factory=dict)


@translated
class ChangeStore(Changes):
    """What changed in one database."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection

    def look(self, place: object | None) -> tuple[Changed, object]:
        if not isinstance(place, _Place):
            newest = {name: self._number(sql) for name, (sql, _) in _GROWING.items()}
            now = _Place(newest, running=self._running(), firing=self._firing())
            self._changed_schedules(now)
            return Changed([], [], []), now
        now = replace(place, numbers=dict(place.numbers))
        untold = self._skip(now)
        jobs = dict.fromkeys(self._new(now, "jobs"))
        # An attempt may begin and end between two looks.
        jobs |= dict.fromkeys(job for job in self._new(now, "attempts") if self._known(job))
        jobs |= dict.fromkeys(self._new(now, "moves"))
        now.running = self._running()
        jobs |= dict.fromkeys(_differing(place.running, now.running))
        executions = dict.fromkeys(self._new(now, "executions"))
        now.firing = self._firing()
        executions |= dict.fromkeys(_differing(place.firing, now.firing))
        schedules = self._changed_schedules(now)
        return Changed(list(jobs), list(executions), schedules, untold), now

    def since(self, at: str) -> Changed:
        recent = "rowid > (SELECT ifnull(max(rowid), 0) FROM {0}) - ? AND updated_at > ?"
        jobs = "SELECT id FROM async_ix_jobs WHERE " + recent.format("async_ix_jobs")
        executions = "SELECT id FROM pulse_executions WHERE " + recent.format("pulse_executions")
        schedules = "SELECT id FROM scheduled_pulse_jobs WHERE updated_at > ?"
        order = " ORDER BY updated_at LIMIT ?"
        found = [
            [str(row[0]) for row in self._db.execute(sql + order, values).fetchall()]
            for sql, values in (
                (jobs, (LOOK_BACK, at, MOST + 1)),
                (executions, (LOOK_BACK, at, MOST + 1)),
                (schedules, (at, MOST + 1)),
            )
        ]
        untold = sum(len(ids) > MOST for ids in found)
        return Changed(found[0][:MOST], found[1][:MOST], found[2][:MOST], untold)

    # -- inside --------------------------------------------------------------------------------

    def _running(self) -> dict[str, Any]:
        """Running jobs, each with what differs when it has moved or said something."""
        return {
            str(job_id): key
            for job_id, *key in self._db.execute(
                "SELECT j.id, j.updated_at, j.status, total(a.stored) FROM job_attempts r"
                " JOIN async_ix_jobs j ON j.id = r.job_id JOIN job_attempts a ON a.job_id = j.id"
                " WHERE r.status = 'running' GROUP BY j.id LIMIT ?",
                (MOST,),
            )
        }

    def _firing(self) -> dict[str, Any]:
        """Executions that are not over, each with what differs when it has moved."""
        return {
            str(row[0]): row[1:]
            for row in self._db.execute(
                "SELECT id, updated_at, async_job_id, waiting FROM pulse_executions"
                " WHERE status = 'running' LIMIT ?",
                (MOST,),
            )
        }

    def _skip(self, now: _Place) -> int:
        """Pass over what is too much to be told one by one; how many that is."""
        untold = 0
        for name, (newest_sql, _) in _GROWING.items():
            newest = self._number(newest_sql)
            if newest - now.numbers[name] > MOST:
                untold += newest - now.numbers[name]
                now.numbers[name] = newest
        return untold

    def _new(self, now: _Place, name: str) -> list[str]:
        """The ids that are new since the last look, in order."""
        _, next_sql = _GROWING[name]
        rows: list[Any] = self._db.execute(next_sql, (now.numbers[name], MOST)).fetchall()
        if rows:
            now.numbers[name] = rows[-1][0]
        return [row[1] for row in rows]

    def _changed_schedules(self, now: _Place) -> list[str]:
        sql = (
            "SELECT id, updated_at FROM scheduled_pulse_jobs WHERE updated_at >= ?"
            " ORDER BY updated_at"
        )
        at, seen = now.schedules_at, now.seen_schedules
        found = self._db.execute(sql, (at,)).fetchall()
        if found:
            now.schedules_at = str(found[-1][1])
        now.seen_schedules = {row for row in found if row[1] == now.schedules_at}
        return [str(row[0]) for row in found if at == "" or row not in seen]

    def _known(self, job_id: str) -> bool:
        """Whether it is a job: schedules and the system have logs, too."""
        sql = "SELECT 1 FROM async_ix_jobs WHERE id = ?"
        return bool(self._db.execute(sql, (job_id,)).fetchall())

    def _number(self, sql: str) -> int:
        for (value,) in self._db.execute(sql):
            return int(value or 0)
        return 0


def _differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Keys whose value is new or another one, and those that are gone."""
    return [key for key in before | now if before.get(key) != now.get(key)]
