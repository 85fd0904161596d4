"""The run that the system was designed for: ix by the clock, its lines at once, by HTTP and SQL."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import pytest

from tests.support.paths import EXAMPLES
from tests.support.waiting import wait_until

from .test_cli import Tool

pytestmark = pytest.mark.slow


@pytest.fixture
def site() -> Iterator[str]:
    with runpy.run_path(str(EXAMPLES / "site.py"))["serving"]() as address:
        yield address


def test_ix_every_few_seconds(tmp_path: Path, site: str) -> None:
    tool = Tool(tmp_path / "home")
    tool.env["QNTX_FETCH__ALLOW_HOSTS"] = json.dumps([urlsplit(site).netloc])
    code = f"ix jd {site}/jobs/data-engineer-supply-chain --every 2s"
    with tool.serving():
        made = tool("schedules", "create", code).strip()
        listing = tool("schedules", "create", f"ix {site}/jobs --every 1h").strip()
        where = f"/api/pulse/schedules/{made}/executions"
        wait_until(lambda: tool.get(f"{where}?status=completed")["total"] >= 2)
        done = tool.get(f"{where}?status=completed")["executions"][0]
        page = tool.get(f"/jobs/{done['async_job_id']}/logs")
        assert page["receipt"]["complete"]
        stages = {line["stage"] for line in page["logs"]}
        assert {"fetch_jd", "extract_requirements", "score_candidates"} <= stages
        assert tool.get(f"/executions/{done['id']}/logs")["logs"] == page["logs"]
        # The listing's address alone: its lines are there, too, whichever handler took it.
        listed = f"/api/pulse/schedules/{listing}/executions"
        wait_until(lambda: tool.get(listed)["total"] == 1)
        first = tool.get(listed)["executions"][0]
        wait_until(lambda: tool.get(f"/executions/{first['id']}/logs")["total_count"] > 1)
        rows = _by_sql(tool.home, done["id"])
        assert [seq for seq, _ in rows] == list(range(1, page["total_count"] + 1))
        assert rows[0][1].startswith(f"fired by schedule {made} for {done['nominal_at']}")


def _by_sql(home: Path, execution_id: str) -> list[tuple[int, str]]:
    db = apsw.Connection(str(home / "qntx.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = db.execute(
            "SELECT seq, message FROM task_logs WHERE execution_id = ? ORDER BY id",
            (execution_id,),
        ).fetchall()
    finally:
        db.close()
    return [(int(seq), str(message)) for seq, message in rows]
