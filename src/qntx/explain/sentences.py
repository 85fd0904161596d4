"""Why a job or a schedule is in its state, and what happens next, in sentences."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from qntx.application import HandlerNames
from qntx.clock import from_iso, now_us
from qntx.errors import QntxError
from qntx.model.firing_policy import SILENCE_US
from qntx.model.job import ACTIVE
from qntx.model.schedule import Execution, Schedule
from qntx.model.views import Job, Line, LogFilter
from qntx.model.zones import zone_of
from qntx.storage.interfaces import Executions, Schedules, Store

_NEWEST = "9999999999"
MAX_QUOTED = 300


class Explanation(msgspec.Struct, frozen=True):
    """Sentences: *why* it is as it is, and what is *next*."""

    id: str
    state: str
    why: list[str]
    next: list[str]


def explain_job(store: Store, registered: HandlerNames, job_id: str) -> Explanation:
    """Why the job *job_id* is in its status. Raises NotFound."""
    job = store.jobs.get(job_id)
    why, after = _JOB[job.status](store, registered, job)
    if job.status in ACTIVE:
        why += _obstacle(store)
    if job.execution_id is not None:
        try:
            execution = store.executions.get(job.execution_id)
        except QntxError:
            return Explanation(job.id, job.status, why, after)
        because = f" ({execution.reason})" if execution.reason else ""
        instant = f" for {execution.nominal_at}" if execution.nominal_at else " by hand"
        why.append(f"It was fired by schedule {execution.scheduled_job_id}{instant}{because}.")
    return Explanation(job.id, job.status, why, after)


def _queued(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    held = _held(job.pulse_state)
    known = store.supervisors.live_handlers()
    if job.handler_name not in (registered if known is None else known):
        return (
            [f"No worker has the handler {job.handler_name!r}."],
            ["It runs as soon as a server or worker starts that registers this handler."],
        )
    if job.next_attempt_at is not None and from_iso(job.next_attempt_at) > now_us():
        if job.retry_count:
            cause = f"because attempt {job.attempt} failed: {_short(job.error)}"
        else:
            cause = "because it was enqueued with a delay"
        return (
            [f"It waits until {job.next_attempt_at} {cause}.", *held],
            [f"Attempt {job.attempt + 1} starts when a worker is free then."],
        )
    place = store.waits.place(job.id)
    before = "It is the next one in the queue."
    if place.ahead:
        before = f"It is queued behind {place.ahead:,} job{_s(place.ahead)}."
    return (
        [
            before,
            f"{place.running:,} job{_s(place.running)} run{'s' if place.running == 1 else ''} now.",
            *held,
        ],
        [
            "No worker is at work: it starts when qntx serve or qntx worker runs."
            if known is None
            else "It starts when a worker is free."
        ],
    )


def _running(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    del registered
    why = [f"It runs since {job.started_at}, {_which(job)}."]
    runner = store.waits.runner(job.id, job.attempt)
    if runner is not None:
        pid = f" (process {runner.pid})" if runner.pid else ""
        why = [
            f"It runs since {runner.started_at} on {runner.worker or 'a worker'}{pid}, "
            f"{_which(job)}."
        ]
    line = last_line(store, job.id)
    if line is not None and line.attempt == job.attempt:
        stage = f" in stage {line.stage}" if line.stage else ""
        why.append(f"Its last line, at {line.timestamp}{stage}: {_short(line.message)}")
    if job.progress.total:
        why.append(f"It has done {job.progress.current:,} of {job.progress.total:,}.")
    if job.stop_request is not None:
        return why, [f"It was asked to stop ({job.stop_request}) and ends as soon as it notices."]
    return why, ["It goes on until it ends; qntx logs -f shows what it says."]


def _which(job: Job) -> str:
    """Which attempt it is; more than retries have brought it there, if it was paused, say."""
    retries = f", retry {job.retry_count} of {job.max_attempts - 1}" if job.retry_count else ""
    return f"attempt {job.attempt}{retries}"


def _paused(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    del store, registered
    state = job.pulse_state if isinstance(job.pulse_state, dict) else {}
    waits_for = state.get("waits_for")
    if waits_for:
        jobs = ", ".join(map(str, waits_for)) if isinstance(waits_for, list) else str(waits_for)
        return (
            [f"It waits for {jobs}, fired before it by the same schedule."],
            ["It goes on the queue when that is over."],
        )
    if state.get("waiting_for") == "children":
        then = "It goes on when they are over."
        if job.stop_request == "pause":
            then = "It stays paused when they are over, until it is resumed (qntx resume)."
        return ["It waits for the jobs that it enqueued."], [then]
    held = [] if state.get("pause_reason") == "user_requested" else _held(job.pulse_state)
    return held or ["It was paused by hand."], ["It goes on when it is resumed (qntx resume)."]


def _completed(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    del store, registered
    took = "" if job.duration_ms is None else f" after {job.duration_ms / 1000:,.1f} s"
    why = [f"It completed at {job.completed_at}{took}, in attempt {job.attempt}."]
    kinds = {"warning": job.counts.warn, "error": job.counts.error + job.counts.critical}
    said = [f"{number:,} {kind}{_s(number)}" for kind, number in kinds.items() if number]
    if said:
        why.append(f"It said {' and '.join(said)}.")
    return why, ["Nothing: it is over."]


def _failed(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    del store, registered
    stage = f" in stage {job.error_stage}" if job.error_stage else ""
    why = [f"It failed{stage} at {job.completed_at} because: {_short(job.error)}"]
    if job.max_attempts > 1:
        why.append(f"{job.retry_count} of {job.max_attempts - 1} retries were made.")
    return why, ["Nothing by itself; retry it by hand when the cause is gone."]


def _cancelled(store: Store, registered: HandlerNames, job: Job) -> tuple[list[str], list[str]]:
    del store, registered
    because = f": {_short(job.error)}" if job.error else "."
    return [f"It was cancelled at {job.completed_at}{because}"], [
        "Nothing by itself; it can be retried by hand."
    ]


_JOB = {
    "queued": _queued,
    "running": _running,
    "paused": _paused,
    "completed": _completed,
    "failed": _failed,
    "cancelled": _cancelled,
}


def explain_execution(store: Store, registered: HandlerNames, execution_id: str) -> Explanation:
    """Why the execution *execution_id* is as it is: by its job, where it has one. NotFound."""
    execution = store.executions.get(execution_id)
    if execution.async_job_id is not None:
        job = explain_job(store, registered, execution.async_job_id)
        why = [f"Its job {job.id} is {job.state}.", *job.why]
        return Explanation(execution.id, execution.status, why, job.next)
    instant = f"The instant {execution.nominal_at} of schedule {execution.scheduled_job_id}"
    why = [f"{instant} was {execution.status}: {_short(execution.reason)}"]
    again = f"qntx executions --rerun {execution.id} runs it all the same."
    return Explanation(execution.id, execution.status, why, [f"Nothing: it has no job. {again}"])


def explain_schedule(store: Store, schedule_id: str) -> Explanation:
    """Why the schedule *schedule_id* is in its state, and when it fires next. Raises NotFound."""
    kept = store.schedules
    executions = store.executions
    schedule = kept.get(schedule_id)
    why = [f"It is {schedule.state}: {schedule.timing}."]
    if schedule.state_reason:
        why.append(f"Reason: {schedule.state_reason}, at {schedule.updated_at}.")
    if schedule.state == "active":
        why += _obstacle(store)
    newest, _ = executions.page(schedule_id, limit=1)
    why.append(_last(newest[0]) if newest else "It has not fired yet.")
    return Explanation(schedule.id, schedule.state, why, _after(schedule, executions, kept))


def _obstacle(store: Store) -> list[str]:
    """Who keeps everything from being written, if somebody does and will not stop by itself."""
    owner = store.lock_owner()
    if owner is None or not owner.stopped:
        return []
    return [f"Nothing can be written: the database is locked by {owner.text}."]


def _after(schedule: Schedule, executions: Executions, kept: Schedules) -> list[str]:
    after = []
    if schedule.state == "paused":
        after.append("It fires again when it is resumed; instants until then are not missed.")
    elif schedule.state == "stopping":
        after.append("It becomes inactive when its last job is over.")
    elif schedule.next_run_at is None:
        after.append("It never fires again by itself.")
    else:
        after.append(f"It fires next at {schedule.next_run_at}, {_local(schedule)}.")
        active = executions.active(schedule.id)
        if active:
            jobs = ", ".join(str(e.async_job_id) for e in active[:5])
            after.append(f"If {jobs} is not over then, policy {schedule.overlap} decides.")
        beat_us = kept.last_beat_us()
        if beat_us is None or now_us() - beat_us > SILENCE_US:
            after.append("No ticker is at work: nothing fires until qntx serve runs.")
    return after


def last_line(store: Store, job_id: str) -> Line | None:
    """The newest line of a job's newest attempt."""
    lines = store.logs.page(job_id, LogFilter(), limit=1, before=_NEWEST).logs
    return lines[0] if lines else None


def _last(execution: Execution) -> str:
    instant = f" for {execution.nominal_at}" if execution.nominal_at else ""
    because = execution.error_message or execution.reason
    text = f"Its last execution {execution.id}{instant} is {execution.status}"
    if execution.async_job_id is not None:
        text += f" (job {execution.async_job_id})"
    return f"{text}{': ' + _short(because) if because else '.'}"


def _local(schedule: Schedule) -> str:
    """The next run in the schedule's zone, or in that of this machine."""
    seconds = from_iso(str(schedule.next_run_at)) / 1e6
    if schedule.time_zone == "UTC":
        at = datetime.fromtimestamp(seconds).astimezone()
        return f"{at:%Y-%m-%d %H:%M:%S %Z} here"
    try:
        at = datetime.fromtimestamp(seconds, zone_of(schedule.time_zone))
    except QntxError as error:
        return str(error)
    return f"{at:%Y-%m-%d %H:%M:%S} in {schedule.time_zone}"


def _held(state: Any) -> list[str]:
    if not isinstance(state, dict) or not state.get("pause_reason"):
        return []
    why = str(state.get("message") or state["pause_reason"])
    return [f"It is held: {why.removeprefix('waits: ')}."]


def _short(text: str | None) -> str:
    text = text or "no reason was given"
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"


def _runs(number: int) -> str:
    return "runs" if number == 1 else "run"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
