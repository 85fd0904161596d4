"""What is shown of jobs, attempts, stages, tasks and lines: the shapes of the API and the CLI."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from qntx.model.enums import LevelName, RunKind, SpanStatus, StatusName, one_of
from qntx.model.receipt import Receipt
from qntx.model.text_match import TextMatch


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Lines by level."""

    total: int = 0
    debug: int = 0
    info: int = 0
    warn: int = 0
    error: int = 0
    critical: int = 0


class Progress(msgspec.Struct, frozen=True):
    """How far a job is; *total* 0: unknown."""

    current: int
    total: int
    #: Seconds that a running job still takes at its pace so far; None: nobody can tell.
    left_s: float | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is shown; counts and receipt are those of all its attempts."""

    id: str
    handler_name: str
    source: str
    status: StatusName
    #: ``queue``, ``foreground``, ``command`` (qntx run) or ``block`` (qntx.capture).
    run_kind: RunKind
    #: The name that ``run_kind`` had first; the same value.
    door: RunKind
    attempt: int
    max_attempts: int
    priority: int
    progress: Progress
    cost_estimate: float
    cost_actual: float
    error: str | None
    error_type: str | None
    error_stage: str | None
    error_details: Any
    parent_job_id: str | None
    execution_id: str | None
    retry_count: int
    payload: Any
    result: Any
    pulse_state: Any
    stop_request: Annotated[str | None, one_of(("cancel", "pause", None))]
    next_attempt_at: str | None
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    duration_ms: int | None
    counts: Counts
    receipt: Receipt


class TreeJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job among its descendants; *depth* 0: the job that was asked for."""

    id: str
    parent_job_id: str | None
    depth: int
    handler_name: str
    source: str
    status: StatusName
    progress: Progress
    error: str | None
    started_at: str | None
    completed_at: str | None
    duration_ms: int | None


class JobTree(msgspec.Struct, frozen=True):
    """A job and all its descendants, each before its own children, oldest first."""

    job_id: str
    jobs: list[TreeJob]
    #: How many of them are in which status.
    by_status: dict[str, int]
    #: There are more than are listed.
    truncated: bool


class JobPage(msgspec.Struct, frozen=True):
    """Some jobs, newest first."""

    jobs: list[Job]
    count: int
    next_cursor: str | None


class TaskView(msgspec.Struct, frozen=True, gc=False):
    """A task of a stage; *is_stage*: the lines of the stage itself, under the stage's name."""

    task_id: str
    name: str | None
    is_stage: bool
    log_count: int
    counts: Counts
    status: SpanStatus
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    result: Any
    #: Its first and its last line, by number; None while it has none.
    first_seq: int | None
    last_seq: int | None


class StageView(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of an attempt; *stage* "": what was said outside of any."""

    stage: str
    status: SpanStatus
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    log_count: int
    counts: Counts
    first_seq: int | None
    last_seq: int | None
    tasks: list[TaskView]


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a job."""

    attempt: int
    status: StatusName
    worker: str | None
    pid: int | None
    started_at: str
    ended_at: str | None
    duration_ms: int | None
    error: str | None
    error_type: str | None
    error_stage: str | None
    reason: str | None
    first_error_seq: int | None
    counts: Counts
    receipt: Receipt


class StagesView(msgspec.Struct, frozen=True, kw_only=True):
    """The stage → task tree of one attempt, in the order of first words."""

    job_id: str
    attempt: int
    attempts: list[int]
    stages: list[StageView]


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a log. *id* is its sequence number within the attempt, from 1, without gaps."""

    id: int
    attempt: int
    stage: str | None
    task_id: str | None
    timestamp: str
    level: LevelName
    source: str
    logger: str | None
    message: str
    metadata: Any
    #: Bytes of the whole message; *truncated*: the message here is only its beginning.
    size: int
    truncated: bool
    #: Of what "bytes" (not valid UTF-8; *message* shows them escaped), "no_newline",
    #: "unattributed" and "redacted" hold.
    flags: list[str]
    job_id: str | None = None


class Expired(msgspec.Struct, frozen=True):
    """Lines that a job said and that retention has deleted since: how many, when, by which rule."""

    at: str
    lines: int
    rule: str


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines, in order; *total_count*: how many there are that fit the filter."""

    job_id: str
    total_count: int
    logs: list[Line]
    receipt: Receipt
    counts: Counts
    next_cursor: str | None
    prev_cursor: str | None
    #: What retention has deleted since of what was said; counts and receipt still tell of it.
    expired: Expired | None = None
    #: On the last page: lines that have no newline yet, as they are now. Their number is 0.
    growing: list[Line] = []


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """The lines that were said in a stretch of time, from *at* (RFC 3339) on."""

    at: str
    counts: Counts


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Lines over time, in buckets of *step_us* microseconds; empty buckets are left out."""

    job_id: str
    total_count: int
    #: None: no line can have been said.
    step_us: int | None
    buckets: list[Bucket]


class TaskLogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one task id, over all jobs or of one."""

    task_id: str
    total_count: int
    logs: list[Line]
    next_cursor: str | None


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a job are wanted; None: no matter."""

    stage: str | None = None
    task_id: str | None = None
    #: Lines of the stage itself only, not of its tasks.
    stage_only: bool = False
    min_level: int | None = None
    #: Exactly these levels, by name, whatever *min_level* is.
    levels: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    #: A logger with its children ("a.b"), or its children only ("a.b.").
    logger: str | None = None
    attempt: int | None = None
    #: From this time on, and before that one (UTC, microseconds).
    since_us: int | None = None
    until_us: int | None = None
    text: str | None = None
    #: Upper and lower case of *text* are not the same.
    case: bool = False
    #: *text* is an RE2 pattern.
    regex: bool = False
    #: An id that message or metadata name, whatever else a message holds; for lines that are short.
    naming: str | None = None

    @property
    def text_match(self) -> TextMatch | None:
        """What messages have to hold."""
        return None if self.text is None else TextMatch(self.text, self.case, self.regex)
