"""``qntx logs``: filters, a page around a line, and words that mean nothing."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qntx.cli import main
from qntx.clock import now_us
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, store


@pytest.fixture
def home(tmp_path: Path) -> Path:
    now = now_us()
    said = [
        Said(
            f"line {n} \x1b[31mred".encode(),
            10 * (1 + n % 5),
            "s",
            None,
            "logging",
            f"site.{'ab'[n % 2]}",
            now - (100 - n) * 60_000_000,
        )
        for n in range(1, 101)
    ]
    with closing(open_database(tmp_path / "qntx.db")) as db:
        store(db, "JB_1", said)
    return tmp_path


def qntx(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def numbers(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--logger", "site.a", "--level", "error,"], range(8, 101, 10)),
        (["--logger", "site", "--text", "LINE 7", "--until", "25m30s"], [7, 70, 71, 72, 73, 74]),
        (["--text", "LINE 7", "--case"], []),
        (["--text", "^line .5 ", "--regex", "--since", "50m30s"], range(55, 101, 10)),
        (["--source", "stdout,stderr"], []),
        (["--around", "50", "--limit", "5"], range(48, 53)),
        (["--limit", "5"], range(1, 6)),
        (["--limit", "1000"], range(1, 101)),
        (["-n", "5"], range(96, 101)),
        (["--tail", "2", "--level", "critical"], [94, 99]),
        (["--tail", "200", "-f"], range(1, 101)),
        (["--around", "50", "--limit", "4", "--level", "critical"], [44, 49, 54, 59]),
    ],
)
def test_filters(home: Path, options: list[str], expected: list[int]) -> None:
    assert numbers(qntx(home, "logs", "JB_1", "--json", *options)) == list(expected)


def test_alike_lines_together(home: Path) -> None:
    lines = qntx(home, "logs", "JB_1", "--groups").stdout.splitlines()
    assert [line[:5] for line in lines] == ["20 × "] * 3
    assert ["critical" in lines[0], "error" in lines[1], "warn" in lines[2]] == [True] * 3
    assert "line 4 \\x1b[31mred" in lines[0]
    assert "line 99)" in lines[0]
    found = json.loads(qntx(home, "logs", "JB_1", "--groups", "--level", "info", "--json").stdout)
    assert [(g["count"], g["first"]["level"]) for g in found["groups"]] == [
        (20, "critical"),
        (20, "error"),
        (20, "warn"),
        (20, "info"),
    ]
    assert qntx(home, "logs", "JB_1", "--groups", "--text", "nowhere").stdout == "no lines\n"


def test_groups_of_tracebacks_say_the_exception(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "x.py", line {0}\n    f()\nKeyError: {0}\n'
    said = [
        Said(
            f"row {n} is broken\n{trace.format(n)}".encode(),
            40,
            "s",
            None,
            "logging",
            "site",
            now_us(),
            b"",
            0,
        )
        for n in range(3)
    ]
    with closing(open_database(tmp_path / "qntx.db")) as db:
        store(db, "JB_1", said)
    first, second = qntx(tmp_path, "logs", "JB_1", "--groups").stdout.splitlines()
    assert first.startswith("3 × ")
    assert first.endswith("row 0 is broken")
    assert second.strip().startswith("KeyError: 0  (last ")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_time_without_a_zone_is_of_this_machine(
    home: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        ago = datetime.now() - timedelta(minutes=25, seconds=30)
        for written in (f"{ago:%Y-%m-%d %H:%M:%S}", f"{ago:%Y-%m-%dT%H:%M:%S}"):
            assert numbers(qntx(home, "logs", "JB_1", "--json", "--since", written)) == [
                *range(75, 101)
            ]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_mistyped_command_is_told_what_was_meant(home: Path) -> None:
    assert "No such command 'job'. Did you mean 'jobs'?" in qntx(home, "job").stderr
    assert "mean" not in qntx(home, "xyzzy").stderr


def test_what_is_shown_cannot_steer_the_terminal(home: Path) -> None:
    result = qntx(home, "logs", "JB_1", "--text", "line 42")
    assert "line 42 \\x1b[31mred" in result.stdout
    assert "\x1b[31m" not in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--text", "a[", "--regex"], "error: 'a[' is not a valid pattern (RE2): missing ]: ["),
        (["--since", "noon"], "error: since: 'noon' is not a valid time"),
        (["--level", "loud"], "error: 'loud' is not a valid level"),
        (["--around", "5", "-f"], "error: --around goes with neither"),
        (["--limit", "5", "-f"], "error: --limit goes with neither --follow nor --histogram"),
        (["--tail", "5", "--limit", "5"], "error: --tail goes with neither --around nor --limit"),
        (["--groups", "--tree"], "error: --groups goes with neither"),
        (["--tree", "--limit", "5"], "error: --tree goes with neither"),
    ],
)
def test_what_cannot_be_used_is_named(home: Path, options: list[str], sentence: str) -> None:
    result = qntx(home, "logs", "JB_1", *options)
    assert result.exit_code == 1
    assert sentence in result.stderr
