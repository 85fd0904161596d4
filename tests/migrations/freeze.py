"""
Makes the frozen databases: ``python -m tests.migrations.freeze [VERSION | today]``.

A version's file is made from the migrations up to that version and from ``rows/``; ``today`` makes
that of the newest version by letting today's program work for a while (:mod:`.day`). Beside each
file lies what is in it, read by plain SQL, in the words of the API. See README.md.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FROZEN = HERE / "frozen"
MIGRATIONS = HERE.parents[1] / "src" / "qntx" / "storage" / "sqlite" / "migrations"
#: Version 2 is a migration that belongs to an application since version 9.
RECRUITING = HERE.parents[1] / "src" / "qntx_recruiting" / "storage" / "sqlite" / "migrations"
APPLIED_AT = "2026-01-01T00:00:00.000000Z"
SHOWN_CHARACTERS = 4096
LEVELS = ("debug", "info", "warn", "error", "critical")
FLAGS = ((1, "bytes"), (2, "no_newline"), (4, "unattributed"), (32, "redacted"))

#: What a migration gives to rows that were there before it: (table, its version, fields).
GIVEN_LATER: tuple[tuple[str, int, dict[str, Any]], ...] = (
    (
        "schedules",
        3,
        {
            "name": None,
            "cron": None,
            "run_at": None,
            "anchor_at": None,
            "time_zone": "UTC",
            "jitter_seconds": 0,
            "start_at": None,
            "end_at": None,
            "overlap": "skip",
            "missed": "one",
            "priority": 0,
            "next_nominal_at": None,
            "state_reason": None,
            "declared_as": None,
        },
    ),
    ("executions", 3, {"nominal_at": None, "cause": "schedule", "reason": None, "waiting": False}),
    ("jobs", 6, {"door": "queue"}),
)

#: The counters that the program of the time would have kept of the rows.
_COUNTERS = """
UPDATE log_contexts SET (line_count, first_id, last_id, first_ts, last_ts, max_level, debug_count,
    info_count, warn_count, error_count, critical_count) = (
    SELECT count(*), min(id), max(id), min(ts), max(ts), max(level), {levels}
    FROM log_lines l WHERE l.context_key = log_contexts.context_key) WHERE line_count = 0;
UPDATE job_attempts SET (stored, accepted, first_error_seq, debug_count, info_count, warn_count,
    error_count, critical_count) = (
    SELECT count(*), count(*) + lost, min(iif(level >= 40, id & 4294967295, NULL)), {levels}
    FROM log_lines l WHERE l.id >> 32 = job_attempts.run_key) WHERE stored = 0;
""".format(
    levels=", ".join(
        f"count(*) FILTER (WHERE level >= {low} AND level < {low + 10})"
        for low in (10, 20, 30, 40, 50)
    )
)


def main(arguments: list[str]) -> int:
    """Freeze the versions that are named; one that is frozen already is left as it is."""
    for argument in arguments:
        version = newest() if argument == "today" else int(argument)
        path = FROZEN / f"qntx-{version:04d}.db.gz"
        if path.exists():
            print(f"{path.name} is there already: it stays as it was released")
            return 1
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, "qntx.db")
            if argument == "today":
                from .day import live

                live(made)
            else:
                fill(made, version)
            FROZEN.mkdir(exist_ok=True)
            _write(path, made.read_bytes())
            contents = json.dumps(read(made, version), ensure_ascii=False, indent=1)
        _write(path.with_name(f"qntx-{version:04d}.json.gz"), contents.encode())
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


def newest() -> int:
    """The newest version that there is a migration for."""
    return max(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))


def fill(path: Path, version: int) -> None:
    """A database of *version* at *path*: each migration, and rows as a program of it wrote them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(
            "CREATE TABLE schema_migrations(version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " sha256 TEXT NOT NULL, applied_at TEXT NOT NULL)"
        )
        for number in range(1, version + 1):
            if number == 2:
                migration = RECRUITING / "0001_recruiting.sql"
            else:
                (migration,) = MIGRATIONS.glob(f"{number:04d}_*.sql")
            sql = migration.read_text("utf-8")
            db.executescript(sql)
            db.execute(
                "INSERT INTO schema_migrations VALUES(?, ?, ?, ?)",
                (number, migration.stem[5:], hashlib.sha256(sql.encode()).hexdigest(), APPLIED_AT),
            )
            for rows in (HERE / "rows").glob(f"{number:04d}_*.sql"):
                db.executescript(rows.read_text("utf-8"))
                db.executescript(_COUNTERS)
        db.execute(f"PRAGMA user_version = {version}")


def read(path: Path, version: int) -> dict[str, Any]:
    """What the database holds, by plain SQL on its own version's tables, as the API names it."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        found: dict[str, Any] = {
            "version": version,
            "jobs": list(_rows(db, "async_ix_jobs", _JSON_OF_JOBS)),
            "attempts": list(_attempts(db)),
            "lines": list(_lines(db)),
            "contexts": list(_contexts(db)),
            "schedules": list(_rows(db, "scheduled_pulse_jobs", ("payload", "metadata"))),
            "executions": list(_rows(db, "pulse_executions", ())),
        }
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'roles'").fetchone():
            found["recruiting"] = _recruiting(db)
        if version >= 5:
            found["expired"] = [dict(row) for row in db.execute(_EXPIRED)]
            found["remembered"] = dict(db.execute("SELECT name, value FROM maintenance_state"))
    for schedule in found["schedules"]:
        schedule["created_from_doc"] = schedule.pop("created_from_doc_id")
    for execution in found["executions"]:
        del execution["logs"]
        execution.pop("told", None)
        execution["waiting"] = bool(execution.get("waiting"))
    for kind, since, fields in GIVEN_LATER:
        for item in found[kind] if version < since else ():
            item.update(fields)
    return found


_JSON_OF_JOBS = ("error_details", "payload", "result", "pulse_state")
#: Columns of a job that the API does not show as they are.
_NOT_SHOWN = (
    "checkpoint",
    "crash_count",
    "plugin_version",
    "idempotency_key",
    "progress_current",
    "progress_total",
)
_EXPIRED = (
    "SELECT a.job_id, sum(e.lines) AS lines, max(e.at) AS at FROM log_expiry e"
    " JOIN job_attempts a USING (run_key) GROUP BY a.job_id ORDER BY a.job_id"
)


def _rows(db: sqlite3.Connection, table: str, as_json: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for row in db.execute(f"SELECT * FROM {table} ORDER BY rowid DESC"):
        item = dict(row)
        item.update({name: _json(item[name]) for name in as_json})
        if table == "async_ix_jobs":
            item["error_details"] = item["error_details"] or []
            item["progress"] = [item["progress_current"], item["progress_total"]]
            for name in _NOT_SHOWN:
                del item[name]
        yield item


def _attempts(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for row in db.execute("SELECT * FROM job_attempts ORDER BY job_id, attempt"):
        item = dict(row)
        counts = {level: item.pop(f"{level}_count") for level in LEVELS}
        yield {
            **{
                name: item[name]
                for name in (
                    "job_id",
                    "attempt",
                    "status",
                    "worker",
                    "pid",
                    "started_at",
                    "ended_at",
                    "error",
                    "error_type",
                    "error_stage",
                    "reason",
                    "first_error_seq",
                )
            },
            "counts": {"total": item["stored"], **counts},
            "receipt": {name: item[name] for name in ("accepted", "stored", "lost", "redactions")},
        }


def _lines(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Every line in order; of a large one its beginning, its end and a digest."""
    bodies = dict(db.execute("SELECT id, body FROM log_bodies"))
    for row in db.execute(
        "SELECT l.id AS key, l.flags AS bits, l.message AS said, l.level AS number, a.job_id,"
        " a.attempt, l.id & 4294967295 AS id, c.stage, c.task_id, l.ts, o.source, o.logger,"
        " l.metadata FROM log_lines l JOIN log_contexts c USING (context_key)"
        " JOIN log_origins o USING (origin_key) JOIN job_attempts a ON a.run_key = l.id >> 32"
        " ORDER BY l.id"
    ):
        item = dict(row)
        said, bits, number, ts = (item.pop(name) for name in ("said", "bits", "number", "ts"))
        whole = bodies.get(item.pop("key"), said)
        whole = whole.encode() if isinstance(whole, str) else bytes(whole)
        text = whole.decode("utf-8", "backslashreplace")
        item["metadata"] = _json(item["metadata"])
        second = datetime.fromtimestamp(ts // 1_000_000, UTC)
        item["timestamp"] = f"{second:%Y-%m-%dT%H:%M:%S}.{ts % 1_000_000:06d}Z"
        item["level"] = LEVELS[min(max(number // 10 - 1, 0), 4)]
        item["message"] = text[:SHOWN_CHARACTERS]
        item["size"] = len(whole)
        item["flags"] = [name for bit, name in FLAGS if bits & bit]
        if len(text) > SHOWN_CHARACTERS:
            item["end"] = text[-80:]
            item["sha256"] = hashlib.sha256(whole).hexdigest()
        yield item


def _contexts(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    """Stages and tasks that have a name, a status or a result of their own."""
    for row in db.execute(
        "SELECT a.job_id, a.attempt, c.stage, c.task_id, c.name, c.status, c.result"
        " FROM log_contexts c JOIN job_attempts a USING (run_key)"
        " WHERE c.status IS NOT NULL ORDER BY context_key"
    ):
        yield {**dict(row), "result": _json(row["result"])}


def _recruiting(db: sqlite3.Connection) -> dict[str, Any]:
    def rows(sql: str, *as_json: str) -> list[dict[str, Any]]:
        found = [dict(row) for row in db.execute(sql)]
        return [{**row, **{name: _json(row[name]) for name in as_json}} for row in found]

    usage = db.execute("SELECT count(*), total(cost) FROM ai_model_usage").fetchone()
    return {
        "roles": rows("SELECT * FROM roles ORDER BY id"),
        "jds": rows(
            "SELECT * FROM job_descriptions ORDER BY updated_at DESC, id", "extraction", "posting"
        ),
        "candidates": [
            json.loads(profile)
            for (profile,) in db.execute("SELECT profile FROM candidates ORDER BY id")
        ],
        "scores": rows(
            "SELECT * FROM candidate_scores ORDER BY jd_id, score DESC, candidate_id", "evidence"
        ),
        "attestations": rows(
            "SELECT id, subjects, predicates, contexts, actors, timestamp, source,"
            " attributes FROM attestations ORDER BY timestamp, id",
            "subjects",
            "predicates",
            "contexts",
            "actors",
            "attributes",
        ),
        "model_usage": {"calls": usage[0], "cost": usage[1]},
    }


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
