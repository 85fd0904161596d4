"""How long lines are kept: the rules, what they would delete, and doing it."""

from __future__ import annotations

import msgspec
from litestar import get, post

from qntx.api.context import Server
from qntx.api.problems import documented
from qntx.maintenance.retention import Retention
from qntx.model.retention import RetentionReport, RuleView


class RetentionView(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in their order (the first that fits a line decides), and their use."""

    rules: list[RuleView]
    #: Days after which a finished job without lines is forgotten; null: never.
    jobs_days: float | None
    #: null: this server does not run it by itself.
    next_run_at: str | None
    last_run: RetentionReport | None


@get(
    "/api/pulse/retention",
    sync_to_thread=True,
    tags=["retention"],
    summary="Rules of retention",
    responses=documented(),
)
def get_retention(server: Server) -> RetentionView:
    """The rules, when they are used next, and what the last run deleted."""
    return retention_view(server)


def retention_view(server: Server) -> RetentionView:
    """The rules and their use, as they are shown."""
    retention = Retention(server.app.settings)
    return RetentionView(
        rules=[rule.view for rule in retention.rules.all],
        jobs_days=retention.jobs_days,
        next_run_at=server.maintenance.next_run_at if server.maintenance is not None else None,
        last_run=retention.last(),
    )


@post(
    "/api/pulse/retention/preview",
    sync_to_thread=True,
    status_code=200,
    tags=["retention"],
    summary="What would be deleted",
    responses=documented(),
)
def preview(server: Server) -> RetentionReport:
    """What the rules would delete now; deletes nothing. Needs the token."""
    return Retention(server.app.settings).preview()


@post(
    "/api/pulse/retention/run",
    sync_to_thread=True,
    status_code=200,
    tags=["retention"],
    summary="Delete what has expired",
    responses=documented(409),
)
def run(server: Server) -> RetentionReport:
    """
    Delete what the rules say, now; answers when it is done, or after ten minutes.

    Jobs, receipts and counts stay. 409 while it is at work already. Needs the token.
    """
    return Retention(server.app.settings).run(server.stopping, RUN_LIMIT_S)


RUN_LIMIT_S = 600.0

ROUTES = [get_retention, preview, run]
