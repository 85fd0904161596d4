"""Jobs: list, look at, put on the queue."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from qntx.api.context import Server, ServerContext, checked_job_id
from qntx.api.filters import Attempt
from qntx.api.problems import documented
from qntx.errors import BadInput
from qntx.model.job import JobRequest
from qntx.model.views import AttemptView, Job, JobPage, JobTree, StagesView

MAX_JOBS = 1_000
MAX_PAYLOAD_DEPTH = 64
YEAR_S = 366 * 86_400

JobId = Annotated[str, PathParameter(description="The job's id (JB_…).", max_length=200)]
Limit = Annotated[int, QueryParameter(description="How many at most.", ge=1, le=MAX_JOBS)]
Cursor = Annotated[
    str | None,
    QueryParameter(description="next_cursor of the page before.", max_length=200),
]


class AttemptList(msgspec.Struct, frozen=True):
    """The attempts of a job, first to last."""

    job_id: str
    attempts: list[AttemptView]


class ChildPage(msgspec.Struct, frozen=True):
    """The jobs that a job enqueued, newest first."""

    parent_job_id: str
    children: list[Job]
    count: int
    #: How many children there are of each status, on all pages.
    counts: dict[str, int]
    next_cursor: str | None


class NewJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to put on the queue."""

    handler_name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    #: What the handler takes; it is checked against the type that the handler declares.
    payload: Any = None
    #: What the job is about, for people: a URL, a file; default: the handler's name.
    source: Annotated[str, msgspec.Meta(max_length=8_000)] | None = None
    #: Higher runs first.
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    #: Not before this many seconds from now.
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=YEAR_S)] = 0.0
    #: A second request with the same key gives the job of the first.
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    #: While a job of this handler and source is queued, running or paused, give that one.
    unique: bool = False


class ManyJobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs to put on the queue together."""

    jobs: Annotated[list[NewJob], msgspec.Meta(min_length=1, max_length=MAX_JOBS)]


class JobIds(msgspec.Struct, frozen=True):
    """The ids of jobs, in the order in which they were asked for."""

    ids: list[str]


@get(
    "/api/pulse/jobs",
    sync_to_thread=True,
    tags=["jobs"],
    summary="Jobs, newest first",
    responses=documented(),
)
def list_jobs(
    server: Server,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[
        str | None,
        QueryParameter(
            description="Only these statuses: a comma list of queued, running, paused, "
            "completed, failed, cancelled.",
            max_length=200,
        ),
    ] = None,
    handler: Annotated[
        str | None, QueryParameter(description="Only this handler.", max_length=200)
    ] = None,
) -> JobPage:
    """Jobs of every status, the newest first, a page at a time."""
    statuses = [name.strip() for name in (status or "").split(",") if name.strip()]
    with server.reading() as store:
        return store.jobs.page(limit=limit, cursor=cursor, statuses=statuses, handler=handler)


@post(
    "/api/pulse/jobs",
    sync_to_thread=True,
    tags=["jobs"],
    summary="Put a job on the queue",
    responses=documented(413, 415),
)
def enqueue_job(server: Server, data: JSONBody[NewJob]) -> Response[Job]:
    """
    Put a job on the queue for a worker; answers with the job.

    The payload is checked against what the handler takes. Needs the token.
    """
    (job_id,) = server.app.enqueue_all([_request(server, data)])
    with server.reading() as store:
        job = store.jobs.get(job_id)
    return Response(job, headers={"Location": f"/api/pulse/jobs/{job_id}"})


@post(
    "/api/pulse/jobs/bulk",
    sync_to_thread=True,
    tags=["jobs"],
    summary="Put many jobs on the queue",
    responses=documented(413, 415),
)
def enqueue_jobs(server: Server, data: JSONBody[ManyJobs]) -> JobIds:
    """Put up to 1,000 jobs on the queue, all or none; answers with their ids. Needs the token."""
    return JobIds(server.app.enqueue_all([_request(server, job) for job in data.jobs]))


@get(
    "/api/pulse/jobs/{job_id:str}",
    sync_to_thread=True,
    tags=["jobs"],
    summary="A job",
    responses=documented(404),
)
def get_job(server: Server, job_id: JobId) -> Job:
    """One job; counts and receipt are those of all its attempts."""
    with server.reading() as store:
        return store.jobs.get(checked_job_id(job_id))


@get(
    "/api/pulse/jobs/{job_id:str}/stages",
    sync_to_thread=True,
    tags=["logs"],
    summary="The stage → task tree",
    responses=documented(404),
)
def get_stages(server: Server, job_id: JobId, attempt: Attempt = None) -> StagesView:
    """
    Stages and their tasks of one attempt (default: the newest), in the order of first words.

    Lines without a task are shown as a task that carries the stage's name (is_stage), lines
    outside of any stage under the stage "".
    """
    with server.reading() as store:
        return store.logs.stages(checked_job_id(job_id), attempt)


@get(
    "/api/pulse/jobs/{job_id:str}/attempts",
    sync_to_thread=True,
    tags=["jobs"],
    summary="The attempts of a job",
    responses=documented(404),
)
def get_attempts(server: Server, job_id: JobId) -> AttemptList:
    """Each attempt with how it ended, its counts and its receipt."""
    with server.reading() as store:
        job = store.jobs.get(checked_job_id(job_id))
        return AttemptList(job.id, store.jobs.attempts(job.id))


@get(
    "/api/pulse/jobs/{job_id:str}/children",
    sync_to_thread=True,
    tags=["jobs"],
    summary="The jobs that a job enqueued",
    responses=documented(404),
)
def get_children(
    server: Server, job_id: JobId, limit: Limit = 50, cursor: Cursor = None
) -> ChildPage:
    """Children of a job, the newest first, a page at a time."""
    with server.reading() as store:
        job = store.jobs.get(checked_job_id(job_id))
        page = store.jobs.page(limit=limit, cursor=cursor, parent_job_id=job.id)
        counts = store.jobs.child_counts(job.id)
    return ChildPage(job.id, page.jobs, page.count, counts, page.next_cursor)


@get(
    "/api/pulse/jobs/{job_id:str}/tree",
    sync_to_thread=True,
    tags=["jobs"],
    summary="A job and all its descendants",
    responses=documented(404),
)
def get_tree(server: Server, job_id: JobId) -> JobTree:
    """The job, its children, their children and so on: each behind its parent, 5,000 at most."""
    with server.reading() as store:
        return store.jobs.tree(checked_job_id(job_id))


def _request(server: ServerContext, new: NewJob) -> JobRequest:
    _check_depth(new.payload)
    return server.app.request(
        new.handler_name,
        new.payload,
        source=new.source or None,
        priority=new.priority,
        delay_s=new.delay_s,
        idempotency_key=new.idempotency_key,
        unique=new.unique,
    )


def _check_depth(value: Any) -> None:
    """Raise BadInput for a payload that is nested too deeply to be shown again."""
    level = [value]
    for _ in range(MAX_PAYLOAD_DEPTH):
        nested: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                nested += item.values()
            elif isinstance(item, list):
                nested += item
        if not nested:
            return
        level = nested
    raise BadInput(
        f"the payload is nested deeper than {MAX_PAYLOAD_DEPTH} levels - make it flatter"
    )


ROUTES = [
    list_jobs,
    enqueue_job,
    enqueue_jobs,
    get_job,
    get_stages,
    get_attempts,
    get_children,
    get_tree,
]
