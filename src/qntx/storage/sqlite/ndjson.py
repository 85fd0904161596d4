"""Lines as JSON, one object a line, put together by the database in pieces of many lines."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec

from qntx.journal.format import BODY_APART, RAW
from qntx.model.log import level_name
from qntx.model.views import LogFilter
from qntx.storage.sqlite.jobs import load_json
from qntx.storage.sqlite.lines import (
    SELECT_LINE,
    SEQ_MASK,
    SHOWN_CHARACTERS,
    flag_names,
    line_of,
    lines_where,
)
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from qntx.storage.sqlite.text_export import pieces

#: The most lines that are put together at once.
NDJSON_BATCH_LINES = 2_000

#: How far ahead is looked for lines that cannot be.
NDJSON_WINDOW_IDS = 20_000
#: Lines that are put together; others are long, or no text, and come in pieces one by one.
_PLAIN = f"(l.flags & {RAW | BODY_APART} = 0 AND octet_length(l.message) <= {SHOWN_CHARACTERS})"

# What many lines share is rendered once: attempt, stage and task of a context; level, source,
# logger and flags. A line whose parts are not there yet is NULL, and counted.
_PARTS = """
CREATE TEMP TABLE places(context_key INTEGER PRIMARY KEY, part TEXT);
CREATE TEMP TABLE kinds(origin_key INTEGER, level INTEGER, flags INTEGER, part TEXT, rest TEXT,
    PRIMARY KEY(origin_key, level, flags)) WITHOUT ROWID;
"""
_LINE = f"""
SELECT l.id AS id, '{{"id":' || (l.id & {SEQ_MASK}) || p.part
       || strftime('%Y-%m-%dT%H:%M:%S.', l.ts / 1000000, 'unixepoch')
       || substr('00000' || (l.ts % 1000000), -6) || k.part || json_quote(l.message)
       || ',"metadata":' || iif(l.metadata IS NULL, 'null', qntx_json(l.metadata))
       || ',"size":' || octet_length(l.message) || k.rest AS line
FROM log_lines l LEFT JOIN places p ON p.context_key = l.context_key
LEFT JOIN kinds k ON k.origin_key = l.origin_key AND k.level = l.level AND k.flags = l.flags
"""


def ndjson(path: Path, job_id: str, wanted: LogFilter) -> Iterator[bytes]:
    """
    The lines of *job_id* that fit *wanted*, one JSON object a line, with their whole messages.

    Bytes that are no valid UTF-8 are shown escaped, and given as ``message_base64`` besides.
    Raises NotFound for an unknown job, before the first chunk.
    """
    with closing(open_database(path, make=False)) as connection:
        runs = LogStore(connection).runs(job_id, wanted.attempt)
        rendered = _Rendered(connection, wanted)
        for _, run in runs:
            yield from rendered.run(run)


class _Rendered:
    """The texts that encoding each line of an attempt would give, in a tenth of the time."""

    def __init__(self, connection: apsw.Connection, wanted: LogFilter) -> None:
        self._db = connection
        self._where, self._values = lines_where(wanted)
        connection.execute(_PARTS).fetchall()
        again: Any = _json_again
        connection.create_scalar_function("qntx_json", again, 1, deterministic=True)

    def run(self, run: int) -> Iterator[bytes]:
        """What there is of an attempt when it begins."""
        low = run << 32
        newest = "SELECT max(id) FROM log_lines WHERE id >= ? AND id < ?"
        end = 1 + (self._one(newest, (low, (run + 1) << 32))[0] or low)
        while low < end:
            window = min(low + NDJSON_WINDOW_IDS, end)
            odd = self._odd(run, low, window)
            while low < odd:
                text, last = self._batch(run, low, odd)
                if last is None:
                    break
                yield text.encode()
                low = last + 1
            if odd < window:
                yield from _alone(self._db, odd)
                odd += 1
            low = odd

    def _odd(self, run: int, low: int, end: int) -> int:
        """The first line that is rendered alone, or *end*."""
        sql = f"SELECT l.id FROM log_lines l WHERE NOT {_PLAIN} AND {self._where[6:]}"
        found = self._one(f"{sql} ORDER BY l.id LIMIT 1", self._bound(run, low, end))
        return int(found[0]) if found else end

    def _batch(self, run: int, low: int, high: int) -> tuple[str, int | None]:
        """Some lines together, and the last of them; None: there are none."""
        values = self._bound(run, low, high)
        sql = (
            "SELECT group_concat(line, ''), max(id), count(*) - count(line)"
            f" FROM ({_LINE} {self._where} ORDER BY l.id LIMIT {NDJSON_BATCH_LINES})"
        )
        text, last, unknown = self._one(sql, values)
        if unknown:
            self._learn(values)
            text, last, _ = self._one(sql, values)
        return text or "", last

    def _learn(self, values: dict[str, Any]) -> None:
        """Render the parts that the next lines share."""
        lines: list[Any] = self._db.execute(
            "SELECT DISTINCT l.context_key, l.origin_key, l.level, l.flags FROM (SELECT * FROM"
            f" log_lines l {self._where} ORDER BY l.id LIMIT {NDJSON_BATCH_LINES}) l",
            values,
        ).fetchall()
        places = "SELECT a.attempt, c.stage, c.task_id FROM log_contexts c JOIN job_attempts a"
        places += " USING (run_key) WHERE c.context_key = ?"
        for key in {line[0] for line in lines}:
            for attempt, stage, task in self._db.execute(places, (key,)).fetchall():
                part = f',"attempt":{attempt},"stage":{_json(stage)},"task_id":{_json(task)}'
                self._db.execute(
                    "INSERT OR REPLACE INTO places VALUES(?, ?)", (key, part + ',"timestamp":"')
                )
        kinds = "SELECT source, logger FROM log_origins WHERE origin_key = ?"
        for key, level, flags in {line[1:] for line in lines}:
            for source, logger in self._db.execute(kinds, (key,)).fetchall():
                part = f'Z","level":"{level_name(level)}","source":{_json(source)}'
                part += f',"logger":{_json(logger)},"message":'
                rest = f',"truncated":false,"flags":{_json(flag_names(flags))},"job_id":null}}\n'
                self._db.execute(
                    "INSERT OR REPLACE INTO kinds VALUES(?, ?, ?, ?, ?)",
                    (key, level, flags, part, rest),
                )

    def _bound(self, run: int, low: int, high: int) -> dict[str, Any]:
        return self._values | {"run": run, "low": low, "high": high}

    def _one(self, sql: str, values: Any) -> Any:
        for row in self._db.execute(sql, values):
            return row
        return None


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _json_again(text: Any) -> str:
    """Stored metadata, as the lines of pages show it."""
    return _json(load_json(text))


def _alone(connection: apsw.Connection, line_id: int) -> Iterator[bytes]:
    """The JSON object of a line whose message is long, or is no text; the message comes last."""
    (row,) = connection.execute(f"{SELECT_LINE} WHERE l.id = ?", (line_id,)).fetchall()
    line, flags = line_of(row), row[10]
    apart, raw = bool(flags & BODY_APART), bool(flags & RAW)  # type: ignore[operator]
    fields = msgspec.structs.asdict(line) | {"truncated": False}
    del fields["message"]
    yield msgspec.json.encode(fields)[:-1]
    yield b',"message":"'
    errors = "backslashreplace" if raw else "replace"
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    for piece in pieces(connection, line_id, apart=apart):
        yield _escaped(decoder.decode(piece))
    yield _escaped(decoder.decode(b"", final=True))
    if raw:
        yield b'","message_base64":"'
        for piece in pieces(connection, line_id, apart=apart):
            yield base64.b64encode(piece)
    yield b'"}\n'


def _escaped(text: str) -> bytes:
    """*text* as the inside of a JSON string."""
    return msgspec.json.encode(text)[1:-1]
