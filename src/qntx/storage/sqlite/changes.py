"""What changed since the last look: ids of jobs, executions and schedules, found by indexes."""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw

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


class Changed(NamedTuple):
    """Ids of what changed, each once, and how many more there were than were told of."""

    jobs: list[str]
    executions: list[str]
    schedules: list[str]
    untold: int = 0


class Changes:
    """Remembers where it has looked; each look costs as much as changed, not as there is."""

    def __init__(self) -> None:
        self._begun = False
        #: Of `_GROWING`, up to where it was looked.
        self._looked: dict[str, int] = {}
        self._schedules_at = ""
        self._seen_schedules: set[Any] = set()
        self._running: dict[str, Any] = {}
        self._firing: dict[str, Any] = {}

    def look(self, db: apsw.Connection) -> Changed:
        """What changed since the last look (the first one: nothing); inside one read."""
        untold = self._skip(db) if self._begun else 0
        jobs = dict.fromkeys(self._new(db, "jobs"))
        # An attempt may begin and end between two looks.
        jobs |= dict.fromkeys(job for job in self._new(db, "attempts") if _known(db, job))
        jobs |= dict.fromkeys(self._new(db, "moves"))
        running = {
            str(job_id): key
            for job_id, *key in db.execute(
                "SELECT j.id, j.updated_at, j.status, total(a.stored) FROM job_attempts r"
                " JOIN async_ix_jobs j ON j.id = r.job_id JOIN job_attempts a ON a.job_id = j.id"
                " WHERE r.status = 'running' GROUP BY j.id LIMIT ?",
                (MOST,),
            )
        }
        jobs |= dict.fromkeys(_differing(self._running, running))
        firing = {
            str(row[0]): row[1:]
            for row in db.execute(
                "SELECT id, updated_at, async_job_id, waiting FROM pulse_executions"
                " WHERE status = 'running' LIMIT ?",
                (MOST,),
            )
        }
        executions = dict.fromkeys(self._new(db, "executions"))
        executions |= dict.fromkeys(_differing(self._firing, firing))
        schedules = self._changed_schedules(db)
        self._running, self._firing = running, firing
        if not self._begun:
            self._begun = True
            return Changed([], [], [])
        return Changed(list(jobs), list(executions), schedules, untold)

    def _skip(self, db: apsw.Connection) -> int:
        """Pass over what is too much to be told one by one; how many that is."""
        untold = 0
        for name, (newest_sql, _) in _GROWING.items():
            newest = _number(db, newest_sql)
            if newest - self._looked[name] > MOST:
                untold += newest - self._looked[name]
                self._looked[name] = newest
        return untold

    def _new(self, db: apsw.Connection, name: str) -> list[str]:
        """The ids that are new since the last look, in order; at the first look none."""
        newest_sql, next_sql = _GROWING[name]
        if name not in self._looked:
            self._looked[name] = _number(db, newest_sql)
            return []
        rows: list[Any] = db.execute(next_sql, (self._looked[name], MOST)).fetchall()
        if rows:
            self._looked[name] = rows[-1][0]
        return [row[1] for row in rows]

    def _changed_schedules(self, db: apsw.Connection) -> list[str]:
        sql = (
            "SELECT id, updated_at FROM scheduled_pulse_jobs WHERE updated_at >= ?"
            " ORDER BY updated_at"
        )
        found = db.execute(sql, (self._schedules_at,)).fetchall()
        at, seen = self._schedules_at, self._seen_schedules
        if found:
            self._schedules_at = str(found[-1][1])
        self._seen_schedules = {row for row in found if row[1] == self._schedules_at}
        return [str(row[0]) for row in found if at == "" or row not in seen]


def since(db: apsw.Connection, at: str) -> Changed:
    """What changed after the time *at*, as far back as that can be known: for one who was away."""
    recent = "rowid > (SELECT ifnull(max(rowid), 0) FROM {0}) - ? AND updated_at > ?"
    jobs = "SELECT id FROM async_ix_jobs WHERE " + recent.format("async_ix_jobs")
    executions = "SELECT id FROM pulse_executions WHERE " + recent.format("pulse_executions")
    schedules = "SELECT id FROM scheduled_pulse_jobs WHERE updated_at > ?"
    order = " ORDER BY updated_at LIMIT ?"
    found = [
        [str(row[0]) for row in db.execute(sql + order, values).fetchall()]
        for sql, values in (
            (jobs, (LOOK_BACK, at, MOST + 1)),
            (executions, (LOOK_BACK, at, MOST + 1)),
            (schedules, (at, MOST + 1)),
        )
    ]
    untold = sum(len(ids) > MOST for ids in found)
    return Changed(found[0][:MOST], found[1][:MOST], found[2][:MOST], untold)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Keys whose value is new or another one, and those that are gone."""
    return [key for key in before | now if before.get(key) != now.get(key)]


def _known(db: apsw.Connection, job_id: str) -> bool:
    """Whether it is a job: schedules and the system have logs, too."""
    return bool(db.execute("SELECT 1 FROM async_ix_jobs WHERE id = ?", (job_id,)).fetchall())


def _number(db: apsw.Connection, sql: str) -> int:
    for (value,) in db.execute(sql):
        return int(value or 0)
    return 0
