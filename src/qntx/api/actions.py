"""Control of jobs: cancel, pause, resume, retry."""

from __future__ import annotations

from collections.abc import Callable

from litestar import post

from qntx.api.context import Server, ServerContext, checked_job_id
from qntx.api.jobs import JobId
from qntx.api.problems import documented
from qntx.model.views import Job
from qntx.storage.interfaces import Queue


@post(
    "/api/pulse/jobs/{job_id:str}/cancel",
    sync_to_thread=True,
    status_code=200,
    tags=["jobs"],
    summary="Cancel a job",
    responses=documented(404, 409),
)
def cancel_job(server: Server, job_id: JobId) -> Job:
    """
    Cancel a job and its active descendants; answers with the job.

    A running one is asked to stop, then made to: it is cancelled when it has. Needs the token.
    """
    return _moved(server, job_id, lambda queue: queue.cancel)


@post(
    "/api/pulse/jobs/{job_id:str}/pause",
    sync_to_thread=True,
    status_code=200,
    tags=["jobs"],
    summary="Pause a job",
    responses=documented(404, 409),
)
def pause_job(server: Server, job_id: JobId) -> Job:
    """
    Pause a job; answers with it.

    A running one is asked to stop, and goes on from its last checkpoint when it is resumed. Needs
    the token.
    """
    return _moved(server, job_id, lambda queue: queue.pause)


@post(
    "/api/pulse/jobs/{job_id:str}/resume",
    sync_to_thread=True,
    status_code=200,
    tags=["jobs"],
    summary="Resume a paused job",
    responses=documented(404, 409),
)
def resume_job(server: Server, job_id: JobId) -> Job:
    """Put a paused job back on the queue; answers with it. Needs the token."""
    return _moved(server, job_id, lambda queue: queue.resume)


@post(
    "/api/pulse/jobs/{job_id:str}/retry",
    sync_to_thread=True,
    status_code=200,
    tags=["jobs"],
    summary="Retry a failed or cancelled job",
    responses=documented(404, 409),
)
def retry_job(server: Server, job_id: JobId) -> Job:
    """
    Put a failed or cancelled job back on the queue, as a new attempt that gets its last checkpoint.

    Answers with the job. Needs the token.
    """
    return _moved(server, job_id, lambda queue: queue.retry)


def _moved(
    server: ServerContext, job_id: str, move: Callable[[Queue], Callable[[str], str]]
) -> Job:
    job_id = checked_job_id(job_id)
    move(server.app.store.queue)(job_id)
    with server.reading() as store:
        return store.jobs.get(job_id)


ROUTES = [cancel_job, pause_job, resume_job, retry_job]
