"""A data directory with jobs of many kinds in it, for what reads them."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from qntx.app import App
from qntx.config import CaptureSettings, ServerSettings
from qntx.model.job import Claimed
from qntx.recording.session import journal_of
from qntx.runtime.execute import execute
from qntx.storage.sqlite.connection import transaction
from qntx_recruiting.application import APPLICATION
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Extraction,
    JobDescription,
    Quote,
    Requirement,
    Role,
)
from qntx_recruiting.storage.sqlite.recruiting import SqliteRecruiting
from tests.support.waiting import wait_until

LEVELS = ("debug", "info", "warn", "error", "critical")
BODY = "".join(f"{n:07d}é\x00" for n in range(20_000))  # beyond what fits into a row
LONG = "x" * 5_000


class Payload(msgspec.Struct):
    """What the handler `said` takes."""

    lines: int = 3
    note: str = ""


@dataclass
class Data:
    """Ids of the jobs in the directory."""

    home: Path
    jobs: dict[str, str] = field(default_factory=dict)


class Talker:
    """A handler that says what a test tells it to, when it tells it to."""

    def __init__(self) -> None:
        self._orders: queue.Queue[int | None] = queue.Queue()
        self._done: queue.Queue[int] = queue.Queue()

    def say(self, count: int) -> None:
        """Have the job say *count* lines; returns when it has."""
        self._orders.put(count)
        self._done.get(timeout=60)

    def finish(self) -> None:
        """Have the job return."""
        self._orders.put(None)

    def handler(self, ctx: Any, payload: Any) -> None:
        """The job."""
        number = 0
        while (count := self._orders.get(timeout=60)) is not None:
            for _ in range(count):
                number += 1
                with ctx.emit.stage(f"stage {number % 3}"):
                    ctx.emit.emit_info(f"line {number}", {"number": number})
            self._done.put(count)


def make_app(home: Path, **server: Any) -> App:
    """An application with the handlers that the tests run."""
    app = App(
        home=home,
        server=ServerSettings(**server),
        capture=CaptureSettings(descriptors=False, levels={"site": 10, "many": 10}),
    )

    @app.handler("said", aliases=("s",))
    def said(ctx: Any, payload: Payload) -> dict[str, int]:
        for number in range(payload.lines):
            ctx.emit.emit_info(f"said {number}")
        return {"lines": payload.lines}

    app.include(APPLICATION)
    app.handler("rich")(rich)
    app.handler("many")(many)
    return app


def rich(ctx: Any, payload: Any) -> None:
    """Says something in every way, and fails."""
    ctx.emit.emit_info("before any stage")
    with ctx.emit.stage("fetch", "Fetching"):
        logging.getLogger("site.client").debug("asked", extra={"url": "http://example.com/"})
        print("printed\x00with a NUL")
        with ctx.emit.task("CN_1", name="Ann"):
            ctx.emit.emit_info(LONG, {"nested": {"list": [1, None, "é"]}})
            sys.stdout.buffer.write(b"not \xff\xfe text\n")
        with ctx.emit.task("CN_2", name="Bob"):
            ctx.emit.emit_info(BODY)
            ctx.emit.emit_error("fetch", "careful")
    with ctx.emit.stage("score", "Scoring"):
        with ctx.emit.task("CN_1"):
            logging.getLogger("scorer").error("two\nlines\r\n event: end")
        logging.getLogger("scorer").critical("critical one")
        sys.stdout.write("no newline at its end")
    raise ValueError("the end")


def many(ctx: Any, payload: Any) -> None:
    """Says 2,500 lines of every level in three stages, with and without tasks."""
    loggers = {name: logging.getLogger(f"many.{name}") for name in ("a", "b")}
    for stage in range(3):
        with ctx.emit.stage(f"stage-{stage}"):
            for number in range(833):
                logger = loggers["ab"[number % 2]]
                level = 10 * (1 + number % 5)
                if number % 7:
                    with ctx.emit.task(f"task-{number % 11}"):
                        logger.log(level, "in task %d of stage %d", number, stage)
                else:
                    logger.log(level, "stage line %d needle-%d", number, number % 13)
    ctx.emit.emit_info("outside")


def fill(app: App) -> Data:
    """Run the jobs, one indexer for all of them."""
    data = Data(app.settings.home)
    with app.indexing():
        for name in ("rich", "many"):
            data.jobs[name], _ = app.run(name, {})
        data.jobs["empty"], _ = app.run("said", {"lines": 0})
        data.jobs["retried"] = _retried(app)
    data.jobs["queued"] = app.enqueue("said", {"lines": 1}, source="somewhere")
    for number in range(3):
        data.jobs[f"child{number}"] = app.enqueue("said", {}, parent_job_id=data.jobs["rich"])
    _recruiting(app)
    return data


def _retried(app: App) -> str:
    """A job with two attempts."""
    job_id, _ = app.run("said", {"lines": 3})
    with transaction(app.store.connection) as connection:
        connection.execute(
            "UPDATE async_ix_jobs SET status = 'running', attempt = 2 WHERE id = ?", (job_id,)
        )
    execute(
        app.registry.get("said"),
        Claimed(id=job_id, handler_name="said", source="said", payload={"lines": 3}, attempt=2),
        journal=journal_of(app.settings.home, app.settings.capture),
        settings=app.settings,
        ports=app.ports,
        begin={"worker": "test"},
    )
    wait_until(lambda: app.store.jobs.status(job_id) != "running")
    return job_id


def _recruiting(app: App) -> None:
    quote = Quote("Python", 0, 6)
    wanted = Requirement(kind="skill", name="Python", importance="must", quote=quote)
    jd = JobDescription(
        id="JD_1",
        role_id="RL_1",
        source="file:///jd.txt",
        source_kind="file",
        content_hash="0",
        title="Engineer",
        company="Acme",
        location="Berlin",
        text="Python",
        extraction=Extraction(extractor="test", requirements=(wanted,)),
    )
    with closing(SqliteRecruiting(app.settings.database)) as records:
        claim = Attestation(
            id="AS_1",
            subjects=("JD_1",),
            predicates=("requires",),
            contexts=("Python",),
            actors=("test",),
            timestamp_us=1_000_000,
            attributes={"kind": "skill"},
        )
        records.save_ingestion(Role(id="RL_1", title="Engineer"), jd, [claim])
        records.save_candidates([Candidate(id="CN_1", name="Ann"), Candidate(id="CN_2", name="Bo")])
        for candidate, score in (("CN_1", 0.4), ("CN_2", 0.9)):
            records.save_score(
                CandidateScore(
                    jd_id="JD_1",
                    candidate_id=candidate,
                    scorer="v1",
                    score=score,
                    qualified=score > 0.6,
                    threshold=0.6,
                    reasoning="because",
                    evidence=(),
                )
            )


@contextmanager
def running(app: App, talker: Talker) -> Iterator[str]:
    """A job that runs in this process and says what *talker* is told; gives its id."""
    app.registry.handler("talk")(talker.handler)
    started: queue.Queue[str] = queue.Queue()
    thread = threading.Thread(
        target=app.run, args=("talk",), kwargs={"on_start": started.put}, name="job"
    )
    thread.start()
    try:
        job_id = started.get(timeout=60)
        talker.say(1)
        wait_until(lambda: app.store.jobs.status(job_id))
        yield job_id
    finally:
        talker.finish()
        thread.join(60)
        assert not thread.is_alive(), "the job did not end"
