"""Log lines in SQLite: the statement that reads them, its conditions, and a row as a line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import apsw

from qntx.clock import iso
from qntx.journal.format import BODY_APART, NO_NEWLINE, RAW, REDACTED, UNATTRIBUTED
from qntx.model.log import LEVEL_NAMES, LEVELS, level_name
from qntx.model.re2_library import Search
from qntx.model.text_match import TextMatch
from qntx.model.views import Line, LogFilter
from qntx.storage.sqlite.jobs import load_json

#: In lists a message shows at most this many characters.
SHOWN_CHARACTERS = 4096
SEQ_MASK = (1 << 32) - 1
SECONDS_KEPT = 10_000
#: What a byte that is no text decodes to (surrogateescape).
_STRAY = re.compile("[\udc80-\udcff]")

# substr() of a text ends at a NUL, of a blob it does not: a long one's beginning comes as bytes.
SELECT_LINE = """
SELECT l.id, a.attempt, c.stage, c.task_id, l.ts, l.level, o.source, o.logger,
       CASE WHEN octet_length(l.message) <= 4097 THEN l.message
            ELSE substr(CAST(l.message AS BLOB), 1, 16392) END,
       l.metadata, l.flags, octet_length(l.message), a.job_id,
       CASE WHEN l.flags & 16 THEN (SELECT octet_length(b.body) FROM log_bodies b WHERE b.id = l.id)
       END
FROM log_lines l CROSS JOIN log_contexts c ON c.context_key = l.context_key
JOIN job_attempts a ON a.run_key = c.run_key
JOIN log_origins o ON o.origin_key = l.origin_key
"""


def lines_where(wanted: LogFilter, *, of_run: bool = True) -> tuple[str, dict[str, Any]]:
    """The condition on lines between :low and :high, of one run or (not *of_run*) of any."""
    where = "WHERE l.id >= :low AND l.id < :high"
    values: dict[str, Any] = {"stage": wanted.stage, "task": wanted.task_id}
    if not of_run:
        where += contexts_where(wanted, "c.")  # the context that each line is joined with
    elif context := contexts_where(wanted):
        where += (
            " AND l.context_key IN (SELECT context_key FROM log_contexts"
            f" WHERE run_key = :run{context})"
        )
    names = level_names(wanted)
    if names is None:
        where += " AND l.level >= :min_level"
        values["min_level"] = wanted.min_level
    elif len(names) < len(LEVEL_NAMES):
        where += " AND (" + (" OR ".join(band(name) for name in names) or "0") + ")"
    if origins := origins_where(wanted, values):
        where += f" AND l.origin_key IN (SELECT origin_key FROM log_origins WHERE {origins})"
    if wanted.since_us is not None:
        where += " AND l.ts >= :since"
        values["since"] = wanted.since_us
    if wanted.until_us is not None:
        where += " AND l.ts < :until"
        values["until"] = wanted.until_us
    if wanted.text_match is not None:
        where += " AND " + message_holds(wanted.text_match, values)
    if wanted.naming is not None:
        where += " AND (instr(l.message, :naming) OR instr(CAST(l.metadata AS TEXT), :naming))"
        values["naming"] = wanted.naming
    return where, values


def origins_where(wanted: LogFilter, values: dict[str, Any]) -> str:
    """The condition on origins (nothing: all of them); its values are added to *values*."""
    conditions = []
    if wanted.sources is not None:
        values |= {f"source{n}": name for n, name in enumerate(wanted.sources)}
        conditions.append(
            f"source IN ({', '.join(f':source{n}' for n in range(len(wanted.sources)))})"
        )
    if wanted.logger is not None:
        values["logger"] = wanted.logger
        values["children"] = wanted.logger if wanted.logger.endswith(".") else f"{wanted.logger}."
        conditions.append("(logger = :logger OR substr(logger, 1, length(:children)) = :children)")
    return " AND ".join(conditions)


def message_holds(text_match: TextMatch, values: dict[str, Any]) -> str:
    """The condition that the whole message holds *text_match*; its values are added to *values*."""
    if text_match.plain is None:
        values |= {"text_match": text_match.text, "kind": text_match.case | text_match.regex << 1}
        values["piece"] = max(text_match.sure_pieces(), key=len, default=b"")
        holds = "qntx_holds(:text_match, :kind, {0})"
        # Ten times as fast as asking the pattern about each message.
        return _whole(
            f"(instr(lower({{0}}), CAST(:piece AS TEXT)) AND {holds})" if values["piece"] else holds
        )
    # As bytes throughout: LIKE ends at a NUL, and bytes that are no text have no characters.
    values["text_match"] = text_match.plain
    if text_match.case:
        return _whole("instr(CAST({0} AS BLOB), :text_match)")
    return _whole("instr(lower({0}), CAST(:text_match AS TEXT))")


def _whole(condition: str) -> str:
    """*condition* on the message, wherever it is kept."""
    return (
        f"CASE WHEN l.flags & {BODY_APART} THEN (SELECT {condition.format('b.body')}"
        f" FROM log_bodies b WHERE b.id = l.id) ELSE {condition.format('l.message')} END"
    )


def register_functions(connection: apsw.Connection) -> None:
    """Have statements of *connection* know qntx_holds(text, kind, message)."""
    holds: Any = _holds
    connection.create_scalar_function("qntx_holds", holds, 3, deterministic=True)


def _holds(text: Any, kind: Any, message: Any) -> bool:
    data = _readable(message) if isinstance(message, bytes) else message.encode()
    return _search(text, kind)(data)


def _readable(message: bytes) -> bytes:
    """*message* with each byte that is not valid UTF-8 replaced: RE2's ``.`` takes none of them."""
    try:
        message.decode()
    except UnicodeDecodeError:
        text = message.decode("utf-8", "surrogateescape")
        return _STRAY.sub("\N{REPLACEMENT CHARACTER}", text).encode()
    return message


@lru_cache(64)
def _search(text: str, kind: int) -> Search:
    return TextMatch(text, bool(kind & 1), bool(kind & 2)).search


def contexts_where(wanted: LogFilter, of: str = "") -> str:
    """The condition on contexts (table *of*); :stage "" is what was said outside of any stage."""
    where = ""
    if wanted.stage is not None:
        where += f" AND ifnull({of}stage, '') = :stage"
    if wanted.stage_only:
        where += f" AND {of}task_id IS NULL"
    if wanted.task_id is not None:
        where += (
            f" AND ({of}task_id = :task OR ({of}task_id IS NULL AND ifnull({of}stage, '') = :task))"
        )
    return where


def only_contexts(wanted: LogFilter) -> bool:
    """Whether the counters of contexts can say how many lines fit (but for the level)."""
    about_lines = (
        wanted.text,
        wanted.sources,
        wanted.logger,
        wanted.since_us,
        wanted.until_us,
        wanted.naming,
    )
    return all(value is None for value in about_lines)


def level_names(wanted: LogFilter) -> tuple[str, ...] | None:
    """The level names that are wanted; None when the lower bound lies between two of them."""
    if wanted.levels is not None:
        return tuple(name for name in LEVEL_NAMES if name in wanted.levels)
    if wanted.min_level is None or wanted.min_level <= -32768:
        return LEVEL_NAMES
    if wanted.min_level in LEVELS.values():
        return tuple(name for name, level in LEVELS.items() if level >= wanted.min_level)
    return None


def band(name: str, column: str = "l.level") -> str:
    """The condition for the levels that are shown under *name*."""
    low = LEVELS[name]
    if name == "critical":
        return f"{column} >= 50"
    if name == "debug":
        return f"{column} < 20"
    return f"({column} >= {low} AND {column} < {low + 10})"


def line_of(row: tuple[Any, ...], *, with_job: bool = False) -> Line:
    """The line that a row of SELECT_LINE is."""
    (
        line_id,
        attempt,
        stage,
        task,
        ts,
        level,
        source,
        logger,
        message,
        metadata,
        flags,
        size,
        job_id,
        whole_size,
    ) = row
    truncated = False
    if flags or size > SHOWN_CHARACTERS:
        message, truncated = _beginning(message, flags)
    return Line(
        id=line_id & SEQ_MASK,
        attempt=attempt,
        stage=stage,
        task_id=task,
        timestamp=timestamp(ts),
        level=_LEVEL_NAMES.get(level) or level_name(level),
        source=source,
        logger=logger,
        message=message,
        metadata=load_json(metadata) if metadata else None,
        size=size if whole_size is None else whole_size,
        truncated=truncated,
        flags=flag_names(flags) if flags else [],
        job_id=job_id if with_job else None,
    )


def _beginning(message: str | bytes, flags: int) -> tuple[str, bool]:
    """What is shown of a message, and whether it is cut."""
    if flags & RAW and isinstance(message, bytes):
        cut = len(message) > SHOWN_CHARACTERS
        text = shown(message[:SHOWN_CHARACTERS])
    else:
        if isinstance(message, bytes):
            message = message.decode("utf-8", "ignore")  # cut inside of a character at its end
        cut, text = len(message) > SHOWN_CHARACTERS, message[:SHOWN_CHARACTERS]
    return text, cut or flags & BODY_APART != 0


def timestamp(at_us: int) -> str:
    """As `clock.iso`, for many lines of few seconds."""
    second, micros = divmod(at_us, 1_000_000)
    # Put together from ready pieces: a number with leading zeros takes longer to format.
    millis, micros = divmod(micros, 1000)
    return (_seconds.get(second) or _second(second)) + _MILLIS[millis] + _MICROS[micros]


_seconds: dict[int, str] = {}
_MILLIS = [f"{number:03d}" for number in range(1000)]
_MICROS = [f"{number:03d}Z" for number in range(1000)]


def _second(second: int) -> str:
    if len(_seconds) >= SECONDS_KEPT:
        _seconds.clear()
    shown = _seconds[second] = iso(second * 1_000_000)[:-7]
    return shown


_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}
_FLAG_NAMES = (
    (RAW, "bytes"),
    (NO_NEWLINE, "no_newline"),
    (UNATTRIBUTED, "unattributed"),
    (REDACTED, "redacted"),
)


def flag_names(flags: int) -> list[str]:
    """The flags of a line that are shown."""
    return [name for bit, name in _FLAG_NAMES if flags & bit]


def shown(data: bytes) -> str:
    """Bytes that are no valid UTF-8 as text: what cannot be decoded is escaped (``\\xff``)."""
    return data.decode("utf-8", "backslashreplace")
