"""``qntx logs --histogram``: the figures of the API as bars that need no colour."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from qntx.cli import main
from qntx.model.filtering import parse_filter
from qntx.storage.sqlite.logs import LogStore
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, store

BEGIN = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
MINUTE = 60_000_000
ROW = re.compile(r"(\S+(?: \S+)?) +([\d,]+)(?:  ([░▒▓█▚.:wEC]+)(?:  (.+))?)?")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Ten minutes: a thousand lines and one error in the first, silence, some of all at the end."""
    first = [Said(b"said", 20, "s", at_us=BEGIN + n * 50_000) for n in range(1_000)]
    one = Said(b"failed", 40, "s", "t", at_us=BEGIN + 59 * 1_000_000)
    last = [Said(b"last", level, at_us=BEGIN + 9 * MINUTE) for level in (10, 20, 30, 40, 50) * 20]
    days = [Said(b"day", 30, at_us=BEGIN + day * 1440 * MINUTE) for day in (0, 1, 3)]
    with closing(open_database(tmp_path / "qntx.db")) as db:
        store(db, "JB_1", [*first, one, *last])
        store(db, "JB_DAYS", days)
        store(db, "JB_MS", [Said(b"x", 20, at_us=BEGIN + n * 1_000) for n in range(3)])
        store(db, "JB_NONE", [])
    return tmp_path


def qntx(home: Path, *arguments: str, **env: str) -> Result:
    arguments = ("--home", str(home), "logs", *arguments)
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "80", **env})


def rows(result: Result) -> list[tuple[str, int, str, str]]:
    """(when, how many lines, the bar, what is said behind it) of each row."""
    assert result.exit_code == 0, result.output
    found = [ROW.fullmatch(line) for line in result.stdout.splitlines()[1:]]
    return [(m[1], int(m[2].replace(",", "")), m[3] or "", m[4] or "") for m in found if m]


def test_lines_over_time(home: Path) -> None:
    result = qntx(home, "JB_1", "--histogram", "--buckets", "10")
    head, *lines = result.stdout.splitlines()
    assert head == (
        "1,101 lines, 1m a bar, 2026-01-01 (UTC)  ░ debug  ▒ info  ▓ warn  █ error  ▚ critical"
    )
    shown = rows(result)
    assert len(shown) == len(lines) == 10
    assert [when for when, *_ in shown] == [f"00:0{minute}" for minute in range(10)]
    assert [count for _, count, *_ in shown] == [1_001, *[0] * 8, 100]
    assert set(shown[0][2]) == set("▒█"), "one error among a thousand lines is seen"
    assert (shown[0][3], shown[9][3]) == ("1 error", "20 warn, 20 error, 20 critical")
    assert re.fullmatch("░+▒+▓+█+▚+", shown[9][2])
    assert [bar for _, _, bar, _ in shown[1:9]] == [""] * 8
    assert result.stderr == "complete: 1,101 of 1,101\n"


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_longest_bar_is_as_long_as_the_terminal_allows(home: Path, columns: str) -> None:
    result = qntx(home, "JB_1", "--histogram", "--text", "said", COLUMNS=columns)
    lines = result.stdout.splitlines()[1:]
    assert max(map(len, lines)) == int(columns)


def test_a_narrow_terminal_gets_bars_all_the_same(home: Path) -> None:
    shown = rows(qntx(home, "JB_1", "--histogram", "--buckets", "2", COLUMNS="10"))
    assert [len(bar) for _, _, bar, _ in shown] == [8, 5]


def test_without_unicode_it_is_letters(home: Path) -> None:
    result = CliRunner(charset="ascii").invoke(
        main, ["--home", str(home), "logs", "JB_1", "--histogram", "--buckets", "10"]
    )
    assert result.stdout.isascii()
    assert re.fullmatch(r"\.+:+w+E+C+", rows(result)[-1][2])


@pytest.mark.parametrize(
    ("job_id", "buckets", "head", "labels"),
    [
        (
            "JB_DAYS",
            "10",
            "3 lines, 12h a bar (UTC)",
            ["2026-01-01 00:00", "2026-01-01 12:00", "2026-01-02 00:00"],
        ),
        (
            "JB_DAYS",
            "4",
            "3 lines, 1d a bar (UTC)",
            ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"],
        ),
        ("JB_MS", "30", "3 lines, 100 µs a bar, 2026-01-01 (UTC)", ["00:00:00.0000"]),
        (
            "JB_MS",
            "3",
            "3 lines, 1 ms a bar, 2026-01-01 (UTC)",
            ["00:00:00.000", "00:00:00.001", "00:00:00.002"],
        ),
    ],
)
def test_a_time_is_as_exact_as_the_bars_are_short(
    home: Path, job_id: str, buckets: str, head: str, labels: list[str]
) -> None:
    result = qntx(home, job_id, "--histogram", "--buckets", buckets)
    assert result.stdout.splitlines()[0].startswith(head)
    assert [when for when, *_ in rows(result)][: len(labels)] == labels


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], {}),
        (["--level", "warn"], {"level": "warn"}),
        (["--level", "debug,"], {"level": "debug,"}),
        (["--stage", "s"], {"stage": "s"}),
        (["--task", "s"], {"task_id": "s"}),
        (["--task", "t"], {"task_id": "t"}),
        (["--text", "AI"], {"q": "AI"}),
        (["--text", "^f.*d$", "--regex"], {"q": "^f.*d$", "regex": True}),
        (["--since", "2026-01-01T00:05:00Z"], {"since": "2026-01-01T00:05:00Z"}),
        (["--until", "2026-01-01T00:00:30Z"], {"until": "2026-01-01T00:00:30Z"}),
        (["--source", "stdout"], {"source": "stdout"}),
        (["--attempt", "2"], {"attempt": 2}),
        (["--text", "SAID", "--case"], {"q": "SAID", "case": True}),
    ],
)
def test_every_filter_holds_as_in_the_api(
    home: Path, options: list[str], words: dict[str, object]
) -> None:
    with closing(open_database(home / "qntx.db")) as db:
        expected = LogStore(db).histogram("JB_1", parse_filter(**words), 7)  # type: ignore[arg-type]
    asked = ["JB_1", "--histogram", "--buckets", "7", *options]
    assert json.loads(qntx(home, *asked, "--json").stdout) == msgspec.to_builtins(expected)
    shown = qntx(home, *asked)
    assert sum(count for _, count, *_ in rows(shown)) == expected.total_count
    if not expected.total_count:
        assert shown.stdout == "no lines\n"


def test_ways_that_exclude_each_other_are_named(home: Path) -> None:
    for options, sentence in (
        (["--histogram", "--tree"], "--histogram goes with neither --tree nor --follow"),
        (["--histogram", "-f"], "--histogram goes with neither --tree nor --follow"),
        (["--around", "1", "--histogram"], "--around goes with neither --tree nor --follow nor"),
        (["--tree", "--json"], "--tree goes with neither --follow nor --json"),
        (["--tree", "-f"], "--tree goes with neither --follow nor --json"),
    ):
        result = qntx(home, "JB_1", *options)
        assert result.exit_code == 1
        assert sentence in result.stderr
    assert qntx(home, "JB_NONE", "--histogram").stdout == "no lines\n"
