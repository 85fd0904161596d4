"""``qntx search``: lines of all runs, for people and pipes."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qntx.cli import main
from qntx.storage.sqlite.migrate import open_database
from tests.support.log_rows import Said, store


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(open_database(tmp_path / "qntx.db")) as db:
        for job in ("JB_1", "JB_2"):
            lines = [
                Said(
                    f"{job} took {n} ms \x1b]0;title\x07".encode(),
                    10 * n,
                    logger="x.y",
                    stage="s" if n > 2 else None,
                    task="t" if n > 4 else None,
                )
                for n in range(1, 6)
            ]
            store(db, job, lines)
    return tmp_path


def qntx(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def test_newest_first_and_by_run(home: Path) -> None:
    result = qntx(home, "search", "TOOK", "--limit", "7")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "JB_2  test  about JB_2"
    assert [x.split(" ms")[0].split()[-1] for x in lines[1:6]] == ["5", "4", "3", "2", "1"]
    assert lines[6] == "JB_1  test  about JB_1"
    assert "\\x1b]0;title\\x07" in lines[1]
    assert "\x1b" not in result.stdout
    assert result.stderr == "7 lines found, there are more: --limit\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["took [45] ms", "--regex"], [("JB_2", 5), ("JB_2", 4), ("JB_1", 5), ("JB_1", 4)]),
        (["jb_1 took", "--level", "error"], [("JB_1", 5), ("JB_1", 4)]),
        (["jb_1", "--case"], []),
        (
            ["took", "--logger", "x", "--level", "warn,", "--handler", "test"],
            [("JB_2", 3), ("JB_1", 3)],
        ),
        (["took", "--handler", "other"], []),
        (["took", "--since", "1h"], []),
        (["jb_1", "--stage", "s"], [("JB_1", 5), ("JB_1", 4), ("JB_1", 3)]),
        (["jb_1", "--stage", ""], [("JB_1", 2), ("JB_1", 1)]),
        (["took", "--task", "t"], [("JB_2", 5), ("JB_1", 5)]),
        (["jb_2", "--task", "s"], [("JB_2", 4), ("JB_2", 3)]),
    ],
)
def test_filters(home: Path, options: list[str], expected: list[tuple[str, int]]) -> None:
    result = qntx(home, "search", "--json", *options)
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["job_id"], line["id"]) for line in found] == expected


def test_what_a_job_is_about_takes_one_line(home: Path) -> None:
    with closing(open_database(home / "qntx.db")) as db:
        db.execute("UPDATE async_ix_jobs SET source = ?", ("python -c\n" + "x = 1;\n" * 50,))
    head = qntx(home, "search", "JB_2 took 5").stdout.splitlines()
    assert head[0].startswith("JB_2  test  python -c x = 1; x = 1;")
    assert head[0].endswith("…")
    assert len(head) == 2


def test_what_cannot_be_used_is_named(home: Path) -> None:
    result = qntx(home, "search", "a[", "--regex")
    assert result.exit_code == 1
    assert "missing ]: [ (at character 2)" in result.stderr
    assert "text to look for is missing" in qntx(home, "search", "").stderr
