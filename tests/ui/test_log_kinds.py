"""Lines of all kinds, of several attempts, wherever one moves: the page shows what is stored."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest

from tests.support.browser import node
from tests.support.effort import FULL
from tests.support.qntx_server import Served, serving_handlers
from tests.ui.many_kinds import STAGES, TASKS

WINDOWS = 1000 if FULL else 40
SEED = int(os.environ["QNTX_SEED"])
SHOWN = 4096
LEVELS = ("debug", "info", "warn", "error", "critical")
#: Parts of messages that are ASCII: letter case is the same for those only.
NEEDLES = (
    "NEEDLE",
    "alpha beta",
    "1",
    "bytes",
    "example.org",
    "eta 42",
    "nowhere-at-all",
    " ",
    '"',
)
CONTROL = re.compile(
    r"[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


class Line(NamedTuple):
    """A line as the database holds it."""

    seq: int
    attempt: int
    level: str
    stage: str | None
    task: str | None
    message: str | bytes
    source: str
    logger: str | None
    at: str

    @property
    def text(self) -> str:
        """As lists give it: at most its beginning, and as text."""
        if isinstance(self.message, bytes):
            return self.message[:SHOWN].decode("utf-8", "backslashreplace")
        return self.message[:SHOWN]

    @property
    def shown(self) -> str:
        """As it is on the screen: no colours, control characters visible, long ones folded."""
        text = self.text
        if "\r" in text:
            lines = re.split(r"\r*\n", text)
            text = "\n".join(next((s for s in line.split("\r")[::-1] if s), "") for line in lines)
        return _marked(_folded(self.text, text))

    def holds(self, needle: str) -> bool:
        """Whether the whole message holds *needle*, in whatever letter case."""
        whole = self.message if isinstance(self.message, bytes) else self.message.encode()
        return needle.encode().lower() in whole.lower()


def _folded(said: str, text: str) -> str:
    if "\n" not in said:
        return text
    parts = re.sub(r"\n\Z", "", text).split("\n")
    if len(parts) <= 14:
        return "\n".join(parts)
    more = len(parts) - 11
    middle = f"… {more} more line{'s' if more > 1 else ''}"
    return "\n".join([*parts[:5], middle, *parts[-6:]])


def _marked(text: str) -> str:
    text = re.sub(r"\x1b(?!\[[0-9;:]*m)", r"\\x1B", text)
    text = re.sub(r"\x1b\[[0-9;:]*m", "", text)
    return CONTROL.sub(lambda found: _code(ord(found[0])), text)


def _code(point: int) -> str:
    return f"\\x{point:02X}" if point < 0x100 else f"U+{point:04X}"


class Wanted(NamedTuple):
    """A filter as the address of the UI has it."""

    stage: str | None = None
    task: str | None = None
    levels: tuple[str, ...] = ()
    q: str | None = None
    sources: tuple[str, ...] = ()
    logger: str | None = None
    since: str | None = None
    until: str | None = None

    def fits(self, line: Line) -> bool:
        """Whether *line* passes, by the meaning of the filter and not by SQL."""
        if self.stage is not None and (line.stage or "") != self.stage:
            return False
        if self.task is not None and line.task != self.task:
            own = line.task is None and (line.stage or "") == self.task
            if not own:
                return False
        if self.levels and line.level not in self.levels:
            return False
        if self.sources and line.source not in self.sources:
            return False
        if self.logger and not f"{line.logger or ''}.".startswith(f"{self.logger}."):
            return False
        if not (self.since or "") <= line.at < (self.until or "9"):
            return False
        return self.q is None or line.holds(self.q)

    def query(self, task: str) -> dict[str, str]:
        """The parameters; *task* is what the one for the task is called."""
        level = self.levels[0] + "," + ",".join(self.levels) if self.levels else None
        found = {
            "stage": self.stage,
            task: self.task,
            "level": level,
            "q": self.q,
            "source": ",".join(self.sources) or None,
            "logger": self.logger,
            "since": self.since,
            "until": self.until,
        }
        return {name: value for name, value in found.items() if value is not None}

    def address(self) -> str:
        """The query of a page of the UI."""
        query = self.query("task")
        return urlencode(query | ({"find": "filter"} if self.q else {}), quote_via=quote)


def some_filter(dice: random.Random, lines: list[Line]) -> Wanted:
    """Any filter, with times of *lines*; half of the time none."""
    if dice.random() < 0.5:
        return Wanted()
    stage = dice.choice([None, None, "", *STAGES])
    task = None if stage in (None, "") else dice.choice([None, None, stage, *TASKS])
    levels = tuple(n for n in LEVELS if dice.random() < 0.5) if dice.random() < 0.4 else ()
    wanted = Wanted(stage, task, levels, dice.choice([None, None, *NEEDLES]))
    if dice.random() < 0.3:
        wanted = wanted._replace(sources=tuple(dice.sample(("emitter", "logging", "stdout"), 2)))
    if dice.random() < 0.2:
        wanted = wanted._replace(logger=dice.choice(["tests", "tests.deep", "andere", "tes"]))
    if dice.random() < 0.3:
        since, until = sorted(line.at for line in dice.sample(lines, 2))
        wanted = wanted._replace(since=since, until=dice.choice([None, until]))
    return wanted


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose workers know the handlers that say lines of all kinds."""
    with serving_handlers(tmp_path_factory.mktemp("kinds"), "tests.ui.many_kinds") as found:
        yield found


def queued(served: Served, handler: str, payload: Any = SEED) -> str:
    """Id of a new job."""
    done = served.qntx("enqueue", handler, "--payload", json.dumps(payload))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def stored(served: Served, job_id: str) -> list[Line]:
    """All lines of a job, in order."""
    sql = (
        "SELECT seq, attempt, level, stage, task_id, message, source, logger, timestamp"
        " FROM task_logs WHERE job_id = ?"
    )
    with sqlite3.connect(served.home / "qntx.db") as database:
        return sorted(Line(*row) for row in database.execute(sql, (job_id,)))


@pytest.fixture(scope="module")
def said(kinds: Served) -> tuple[str, dict[int, list[Line]]]:
    """A job of three attempts: its id, and the lines of each attempt."""
    job_id = queued(kinds, "tests.windows")
    assert kinds.finished(job_id)["status"] == "completed"
    lines: dict[int, list[Line]] = {}
    for line in stored(kinds, job_id):
        lines.setdefault(line.attempt, []).append(line)
    assert sum(map(len, lines.values())) >= 20_000
    assert all([line.seq for line in of] == [*range(1, len(of) + 1)] for of in lines.values())
    return job_id, lines


class Window(NamedTuple):
    """A place in a job's log, under a filter."""

    attempt: int
    wanted: Wanted
    target: int


def windows(lines: dict[int, list[Line]]) -> list[Window]:
    """Random windows; most are of the longest attempt."""
    dice = random.Random(SEED)
    attempts = dice.choices(list(lines), [len(of) for of in lines.values()], k=WINDOWS)
    return [
        Window(n, some_filter(dice, lines[n]), dice.randint(1, len(lines[n]))) for n in attempts
    ]


def same(lines: list[Line], shown: list[Any], what: str) -> int:
    """Check that *shown* is a part of *lines* without holes; returns where it begins."""
    rows = [(*row[:5], row[5]) for row in shown]
    begin = next((at for at, line in enumerate(lines) if rows and line.seq == rows[0][0]), 0)
    expected = [(*line[:5], line.shown) for line in lines[begin : begin + len(rows)]]
    for row, line in zip(rows, expected, strict=False):
        assert row == line, f"seed {SEED}, {what}"
    assert len(rows) == len(expected), (
        f"seed {SEED}, {what}: {len(rows)} rows, {len(expected)} lines"
    )
    return begin


def check_read(read: dict[str, Any], lines: list[Line], what: str) -> None:
    """Check what was on the screen against the lines that fit."""
    assert read["matching"] == len(lines), f"seed {SEED}, {what}"
    assert read["gaps"] == 0, f"seed {SEED}, {what}"
    assert bool(read["lines"]) == bool(lines), f"seed {SEED}, {what}: nothing is shown"
    begin = same(lines, read["lines"], what)
    seen = [row[0] for row in read["lines"] if row[6]]
    if read["after"] in ("End", "Shift+G"):
        assert seen[-1] == lines[-1].seq, f"seed {SEED}, {what}: not at the end"
    if read["after"] in ("Home", "g"):
        assert begin == 0, f"seed {SEED}, {what}: not at the start"
        assert seen[0] == lines[0].seq, f"seed {SEED}, {what}: not at the start"


@pytest.mark.timeout(1800 if FULL else 240)
def test_the_log_shows_what_the_database_holds(
    kinds: Served, said: tuple[str, dict[int, list[Line]]], tmp_path: Path
) -> None:
    job_id, by_attempt = said
    dice = random.Random(SEED + 1)
    asked, expected = [], {}
    for window in windows(by_attempt):
        fitting = [line for line in by_attempt[window.attempt] if window.wanted.fits(line)]
        query = "&".join(
            part for part in (f"attempt={window.attempt}", window.wanted.address()) if part
        )
        path = f"/jobs/{job_id}?{query}#A{window.attempt}L{window.target}"
        there = any(line.seq == window.target for line in fitting)
        ways = ["PageDown", "PageUp", "End", "Home", "g", "Shift+G", f"scroll {dice.random():.3f}"]
        asked.append(
            {
                "path": path,
                "fresh": dice.random() < 0.5,
                "total": len(fitting),
                "wanted": window.target if there else None,
                "keys": dice.sample(ways, k=dice.choice([0, 0, 1, 2])),
            }
        )
        expected[path] = (window, fitting, there)
    file = tmp_path / "windows.json"
    file.write_text(json.dumps({"windows": asked}))
    found = node("log_kinds.mjs", kinds.url, str(file), timeout_s=1700 if FULL else 230)
    assert found["trouble"] == []
    assert len(found["reads"]) >= WINDOWS
    for read in found["reads"]:
        window, fitting, there = expected[read["path"]]
        what = f"{read['path']} after {read['after']}"
        check_read(read, fitting, what)
        if there and read["after"] is None:
            seen = [row[0] for row in read["lines"] if row[6]]
            assert window.target in seen, (
                f"seed {SEED}, {what}: the linked line is not on the screen"
            )


@pytest.mark.timeout(900 if FULL else 120)
def test_pages_give_what_the_database_holds(
    kinds: Served, said: tuple[str, dict[int, list[Line]]]
) -> None:
    job_id, by_attempt = said
    dice = random.Random(SEED + 2)
    for attempt, wanted, target in windows(by_attempt):
        fitting = [line for line in by_attempt[attempt] if wanted.fits(line)]
        limit = dice.choice([1, 7, 100, 1000])
        later = [line for line in fitting if line.seq > target]
        earlier = [line for line in fitting if line.seq < target]
        for way, part, more in (
            ("after", later[:limit], len(later) > limit),
            ("before", earlier[-limit:], len(earlier) > limit),
        ):
            query = wanted.query("task_id") | {"attempt": str(attempt), way: str(target)}
            query |= {"limit": str(limit)}
            what = f"seed {SEED}, {query}"
            page = kinds.get(f"/api/pulse/jobs/{job_id}/logs?{urlencode(query, quote_via=quote)}")
            assert page["total_count"] == len(fitting), what
            assert [
                (
                    one["id"],
                    one["attempt"],
                    one["level"],
                    one["stage"],
                    one["task_id"],
                    one["message"],
                )
                for one in page["logs"]
            ] == [(*line[:5], line.text) for line in part], what
            cursor = page["next_cursor"] if way == "after" else page["prev_cursor"]
            assert (cursor is not None) == more, what


@pytest.mark.timeout(240)
def test_a_growing_log_shows_no_line_twice_and_leaves_none_out(
    kinds: Served, tmp_path: Path
) -> None:
    looked_at = str(tmp_path / "looked at")
    job_id = queued(kinds, "tests.slow", {"seed": SEED, "looked_at": looked_at})
    choice = [
        Wanted(),
        Wanted(),
        Wanted(levels=("warn", "error")),
        Wanted(q="needle"),
        Wanted(sources=("logging",), logger="tests"),
    ]
    filters = {f"?{wanted.address()}" if wanted.address() else "": wanted for wanted in choice}
    live = {
        "path": f"/jobs/{job_id}",
        "seed": SEED,
        "filters": list(filters),
        "lookedAt": looked_at,
    }
    file = tmp_path / "live.json"
    file.write_text(json.dumps({"live": live}))
    found = node("log_kinds.mjs", kinds.url, str(file), timeout_s=200)
    assert found["trouble"] == []
    assert kinds.finished(job_id)["status"] == "completed"
    lines = stored(kinds, job_id)
    fitting = {path: [line for line in lines if w.fits(line)] for path, w in filters.items()}
    for number, read in enumerate(found["reads"]):
        what = f"look {number} at {read['path'] or 'all lines'}"
        same(fitting[read["path"]], read["lines"], what)
        assert read["gaps"] == 0, f"seed {SEED}, {what}"
        # Asked for afterwards: no more lines are said to be there than there are.
        assert (read["matching"] or 0) <= read.get("there", len(lines)), f"seed {SEED}, {what}"
    assert len({len(read["lines"]) for read in found["reads"]}) > 3
    last = found["reads"][-1]
    check_read(last, lines, "the end of the run")
    assert [row[0] for row in last["lines"] if row[6]][-1] == lines[-1].seq, f"seed {SEED}"
