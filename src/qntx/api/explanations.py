"""Why a schedule or a job is in its state, and what happens next: sentences."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import PathParameter

from qntx.api.context import Server
from qntx.api.problems import documented
from qntx.api.schedules import ScheduleId, checked, schedule_id_of
from qntx.explain.sentences import Explanation, explain_job, explain_schedule


@get(
    "/api/pulse/schedules/{schedule_id:str}/explain",
    sync_to_thread=True,
    operation_id="explain_schedule_route",
    tags=["schedules"],
    summary="Why it is in its state",
    responses=documented(404),
)
def explain_schedule_route(server: Server, schedule_id: ScheduleId) -> Explanation:
    """Sentences: why the schedule is as it is, and what happens next."""
    with server.reading() as store:
        return explain_schedule(store, schedule_id_of(schedule_id))


@get(
    "/api/pulse/jobs/{job_id:str}/explain",
    sync_to_thread=True,
    operation_id="explain_job_route",
    tags=["jobs"],
    summary="Why a job is in its state",
    responses=documented(404),
)
def explain_job_route(
    server: Server,
    job_id: Annotated[str, PathParameter(description="The job's id (JB_…).", max_length=200)],
) -> Explanation:
    """Sentences: why the job is as it is, and what happens next."""
    with server.reading() as store:
        known = checked(job_id, "job", "GET /api/pulse/jobs")
        return explain_job(store, server.app.registry, known)


ROUTES = [explain_schedule_route, explain_job_route]
