"""What is on the page is what the API gives and what the database holds, wherever one looks."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.browser import SCRIPTS, node
from tests.support.effort import times
from tests.support.qntx_server import Served
from tests.support.waiting import wait_until
from tests.ui.varied import STAGES

Row = dict[str, Any]
RANKS = ("debug", "info", "warn", "error", "critical")


@contextmanager
def varied(
    served: Served, seed: int, lines: int, rest_ms: int
) -> Iterator[tuple[str, Callable[[], None]]]:
    """A varied job that runs meanwhile; gives its id, and what to call when it is long enough."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "varied.py"), str(seed), str(lines), str(rest_ms)],
        env=served.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip(), process.stdin.close
        assert process.wait(90) == 0


def stored(served: Served, job_id: str) -> list[Row]:
    """Every line of the job as the database has it."""
    with sqlite3.connect(served.home / "qntx.db") as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(
            "SELECT seq, level, stage, task_id AS task, message FROM task_logs"
            " WHERE job_id = ? ORDER BY seq",
            (job_id,),
        )
        return [dict(row) for row in rows]


def narrowed(chance: random.Random) -> tuple[dict[str, str], Callable[[Row], bool]]:
    """Parameters that the page and the API share, and which lines they leave."""
    query: dict[str, str] = {}
    tests: list[Callable[[Row], bool]] = []
    if chance.random() < 0.4:
        stage = query["stage"] = chance.choice([*STAGES, ""])
        tests.append(lambda row: (row["stage"] or "") == stage)
    if chance.random() < 0.3:
        task = query["task"] = f"T-{chance.randrange(12)}"
        tests.append(lambda row: bool(row["task"] == task))
    kind = chance.choice(("", "", "least", "some"))
    if kind == "least":
        least = query["level"] = chance.choice(("info", "warn", "error"))
        tests.append(lambda row: RANKS.index(row["level"]) >= RANKS.index(least))
    if kind == "some":
        levels = chance.choice((("debug", "error"), ("info", "error"), ("debug", "warn")))
        query["level"] = ",".join(levels)
        tests.append(lambda row: row["level"] in levels)
    word = chance.choice(("", "", "beta", "a.b*c", "gamma delta", "[x]", "nowhere"))
    if word:
        query |= {"q": word, "find": "filter"}
        tests.append(lambda row: word in row["message"].lower())
    elif chance.random() < 0.3:
        pattern = chance.choice((r"^\d+5 ", r"alpha (Beta|delta)", r"GAMMA$"))
        query |= {"q": pattern, "find": "filter", "regex": "true", "case": "true"}
        tests.append(lambda row: re.search(pattern, row["message"]) is not None)
    return query, lambda row: all(test(row) for test in tests)


def from_api(served: Served, job_id: str, query: dict[str, str], first: int, limit: int) -> Any:
    """A page of lines from the line *first* on, under the filters of the page."""
    names = {"task": "task_id"}
    asked = {names.get(name, name): text for name, text in query.items() if name != "find"}
    about = urlencode({**asked, "attempt": 1, "after": first - 1, "limit": limit})
    return served.get(f"/api/pulse/jobs/{job_id}/logs?{about}")


def looked_at(
    served: Served,
    job_id: str,
    folder: Path,
    chance: random.Random,
    *,
    filters: int,
    jumps: int,
    growing: bool = False,
) -> list[tuple[dict[str, str], Callable[[Row], bool], Any]]:
    """
    *jumps* places under each of *filters* filters, and what the page showed there.

    In a *growing* log each filter shows something already: where nothing is shown, nobody can say
    which line comes first.
    """
    rows = stored(served, job_id)
    plans: list[tuple[dict[str, str], Callable[[Row], bool]]] = [({}, lambda row: True)]
    while len(plans) < filters:
        query, fits = narrowed(chance)
        if not growing or any(map(fits, rows)):
            plans.append((query, fits))
    plan = []
    for query, fits in plans:
        seqs = [row["seq"] for row in rows if fits(row)] or [1]
        plan.append({"query": urlencode(query), "lines": chance.choices(seqs, k=jumps)})
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    found = node("windows.mjs", served.url, job_id, str(file), timeout_s=280)
    assert found["trouble"] == []
    assert len(found["windows"]) == filters * jumps
    return [(*plans[at // jumps], window) for at, window in enumerate(found["windows"])]


def assert_shown(
    served: Served,
    job_id: str,
    rows: list[Row],
    query: dict[str, str],
    fits: Callable[[Row], bool],
    window: Any,
    *,
    growing: bool,
) -> None:
    """The window is one run of the lines that fit, without a hole, and the API gives the same."""
    wanted = [row for row in rows if fits(row)]
    shown = window["rows"]
    where = f"{query} at {window['asked']}"
    if not growing:
        assert window["matching"] == len(wanted), where
    if not shown:
        assert not wanted or growing, where
        return
    at = next((i for i, row in enumerate(wanted) if row["seq"] == shown[0]["seq"]), None)
    assert at is not None, where
    assert shown == wanted[at : at + len(shown)], where
    assert window["asked"] in [row["seq"] for row in shown], where
    page = from_api(served, job_id, query, shown[0]["seq"], len(shown))
    told = [
        {
            "seq": line["id"],
            "level": line["level"],
            "stage": line["stage"],
            "task": line["task_id"],
            "message": line["message"],
        }
        for line in page["logs"]
    ]
    assert told == shown, where


@pytest.mark.timeout(300)
def test_windows_of_a_job_that_is_over(
    served: Served, tmp_path: Path, chance: random.Random
) -> None:
    with varied(served, chance.randrange(1 << 30), 20_000, 0) as (job_id, _):
        pass
    rows = stored(served, job_id)
    assert [row["seq"] for row in rows] == [*range(1, len(rows) + 1)]
    looks = looked_at(served, job_id, tmp_path, chance, filters=times(10, 20), jumps=times(6, 10))
    assert sum(len(window["rows"]) for _, _, window in looks) > times(800, 2_000)
    for query, fits, window in looks:
        assert_shown(served, job_id, rows, query, fits, window, growing=False)


@pytest.mark.timeout(300)
def test_windows_while_lines_arrive(served: Served, tmp_path: Path, chance: random.Random) -> None:
    with varied(served, chance.randrange(1 << 30), 30_000, 60) as (job_id, enough):
        wait_until(lambda: len(stored(served, job_id)) >= 3_000)
        looks = looked_at(served, job_id, tmp_path, chance, filters=8, jumps=5, growing=True)
        assert served.get(f"/api/pulse/jobs/{job_id}")["status"] == "running"
        enough()
    rows = stored(served, job_id)
    for query, fits, window in looks:
        assert_shown(served, job_id, rows, query, fits, window, growing=True)
