"""``qntx retention``, as people and pipes use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.aged_jobs import make_app

pytestmark = pytest.mark.slow


def qntx(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qntx", *arguments],
        env={**os.environ, "QNTX_HOME": str(home), "COLUMNS": "100", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_show_preview_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = make_app(home)
    app.run("levels", {"fail": True})
    for table, column in (
        ("async_ix_jobs", "completed_at"),
        ("job_attempts", "ended_at"),
        ("job_attempts", "started_at"),
    ):
        app.store.connection.execute(f"UPDATE {table} SET {column} = '2020-01-01T00:00:00.000000Z'")
    app.store.close()
    rules = '[{"level": "debug", "days": 7}, {"status": "failed", "days": 180}]'
    env = {"QNTX_RETENTION__RULES": rules}
    shown = qntx(home, "retention", **env)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[:3] == [
        "1. debug lines: 7 days",
        "2. lines of failed jobs: 180 days",
        "3. lines: 90 days  (all others)",
    ]
    assert "did not run yet" in shown.stdout
    preview = qntx(home, "retention", "preview", **env)
    rows = [line.split() for line in preview.stdout.splitlines()]
    assert rows[0] == ["rule", "jobs", "lines", "size"]
    assert rows[1][:6] == ["debug", "lines:", "7", "days", "1", "10"]
    assert "would be deleted" in preview.stdout
    as_json = json.loads(qntx(home, "retention", "preview", "--json", **env).stdout)
    ran = json.loads(qntx(home, "retention", "run", "--json", **env).stdout)
    assert ran["lines"] == as_json["lines"] > 50
    assert {one["rule"]: one["lines"] for one in ran["by"]}["debug lines: 7 days"] == 10
    assert qntx(home, "retention", "run", **env).stdout == "nothing has expired\n"
    assert "Last run" in qntx(home, "retention", **env).stdout
    last = json.loads(qntx(home, "retention", "--json", **env).stdout)
    assert last["last_run"]["lines"] == 0
    assert "now" in qntx(home, "retention", "compact").stdout


def test_a_rule_that_cannot_be(tmp_path: Path) -> None:
    found = qntx(tmp_path / "home", "retention", "run", QNTX_RETENTION__DAYS="never")
    assert found.returncode == 1
    assert found.stderr == (
        "error: setting 'retention.days' cannot be used: 'never' is not a valid number "
        "of days - give one "
        'above 0, or "forever" - correct it in qntx.toml or in QNTX_RETENTION__DAYS\n'
    )
