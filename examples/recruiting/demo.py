"""
The demo: three job descriptions (text, web page, PDF) ingested and scored, and what they said.

    python examples/recruiting/demo.py            # or: make demo

It serves the example career site on this machine for as long as it runs.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from qntx.app import App
from qntx.builtin import built_in_app
from qntx.cli.render import print_tree
from qntx.model.log import INFO
from qntx.model.views import Line, LogFilter
from qntx_recruiting.candidates import import_candidates
from qntx_recruiting.ports import RecruitingStore

EXAMPLES = Path(__file__).resolve().parent


def main() -> int:
    """Run the demo; returns 0 when all three jobs completed."""
    out = Console(highlight=False, soft_wrap=True)
    serving = runpy.run_path(str(EXAMPLES / "site.py"))["serving"]
    with serving() as address:
        app = built_in_app()
        # The site is on this machine: an address that is refused unless it is allowed by name.
        app.settings.fetch.allow_hosts.append(urlsplit(address).netloc)
        recruiting = app.ports[RecruitingStore](app.settings)
        number = import_candidates(recruiting, EXAMPLES / "candidates")
        out.print(f"{number} candidates imported\n")
        sources = [
            str(EXAMPLES / "jobs" / "senior-backend-engineer.txt"),
            f"{address}/jobs/data-engineer-supply-chain",
            (EXAMPLES / "jobs" / "finance-lead.pdf").as_uri(),
        ]
        with app.indexing():
            completed = [ingest(out, app, source) for source in sources]
    out.print("Next: qntx serve, and a browser on http://127.0.0.1:8820")
    return 0 if all(completed) else 1


def ingest(out: Console, app: App, source: str) -> bool:
    """Ingest *source* and print its stage → task → log tree; True when it completed."""
    out.rule(source, align="left")
    payload = {"jd_url": source, "actor": "demo"}
    job_id, outcome = app.run("role.jd-ingestion", payload, source=source)
    lines: dict[tuple[str, str | None], list[Line]] = {}
    for line, _ in app.store.logs.lines(job_id, LogFilter(min_level=INFO)):
        lines.setdefault((line.stage or "", line.task_id), []).append(line)
    print_tree(out, app.store.logs.stages(job_id), lines)
    out.print(f"{job_id} {outcome.status}, {app.store.logs.receipt(job_id).text}\n")
    return outcome.status == "completed"


if __name__ == "__main__":
    raise SystemExit(main())
