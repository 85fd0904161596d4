"""What tests of handlers need: run one here and now, and look at how it ended and what it said."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qntx.app import App, foreground_fields
from qntx.config import Settings, load
from qntx.errors import BadInput
from qntx.indexer.drain import Drain
from qntx.model.ids import new_id
from qntx.model.job import Claimed, JobRequest
from qntx.model.views import Job, Line, LogFilter
from qntx.recording.session import close_journals, journal_of
from qntx.runtime.context import JobContext
from qntx.runtime.execute import execute
from qntx.runtime.outcome import Outcome
from qntx.runtime.registry import HandlerClass, Registry

__all__ = ["Job", "JobRun", "Line", "run_job"]


@dataclass(frozen=True, slots=True)
class JobRun:
    """One attempt of a job that is over."""

    job_id: str
    #: Its ``status`` is ``completed``, ``failed``, or ``queued`` where a retry is due; an exception
    #: of the handler is its ``error`` and ``error_type``.
    outcome: Outcome
    #: Everything that was said: by the emitter, ``print``, ``logging``, warnings, the exception.
    lines: list[Line]
    #: The whole text of each line.
    messages: list[str]
    #: The jobs that it enqueued with ``ctx.spawn``; they are not run.
    children: list[Job]


def run_job(
    handler: App | Registry | Callable[[JobContext, Any], Any] | type[HandlerClass],
    handler_name: str | None = None,
    payload: Any = None,
    *,
    home: str | Path | None = None,
    settings: Settings | None = None,
) -> JobRun:
    """
    Run a handler in this process, as a worker would, and return what became of it.

    *handler* is an application or registry that has it under *handler_name*, or the function or
    class itself. The run has a data directory of its own: *home*, which stays, or one that is
    gone afterwards; *settings* default to those of the application. Descriptors 1 and 2 stay as
    they are, so a test runner's own capture goes on. To be called where no event loop runs.

    Raises UnknownHandler, and BadInput when the payload does not fit or a server is at work in
    *home*. Exceptions of the handler are part of the outcome.
    """
    with _folder(home) as folder:
        app, name = _application(handler, handler_name, folder, settings)
        request = app.request(name, payload)
        indexer = app.store.leadership("indexer")
        app.store.prepare()
        if not indexer.take():
            raise BadInput(f"a server is at work in {folder} - name an empty folder as home")
        try:
            return _run(app, request)
        finally:
            indexer.release()
            app.store.close()


def _run(app: App, request: JobRequest) -> JobRun:
    job = Claimed(
        id=new_id("JB"),
        handler_name=request.handler_name,
        source=request.source,
        payload=request.payload,
        attempt=1,
        max_attempts=request.max_attempts,
    )
    journal = journal_of(app.settings.home, app.settings.capture)
    outcome = execute(
        app.registry.get(request.handler_name),
        job,
        journal=journal,
        settings=app.settings,
        ports=app.ports,
        registry=app.registry,
        begin=foreground_fields(job, journal.producer),
    )
    close_journals()
    with contextlib.closing(app.store.log_writer()) as writer:
        drain = Drain(app.settings.journal, writer)
        with contextlib.closing(drain):
            while drain.round(check_deaths=True):
                pass
    said = list(app.store.logs.lines(job.id, LogFilter()))
    return JobRun(
        job.id,
        outcome,
        lines=[line for line, _ in said],
        messages=[whole.decode("utf-8", "backslashreplace") for _, whole in said],
        children=app.store.jobs.children(job.id),
    )


@contextlib.contextmanager
def _folder(home: str | Path | None) -> Iterator[Path]:
    if home is not None:
        yield Path(home)
        return
    with tempfile.TemporaryDirectory(prefix="qntx-test-") as name:
        yield Path(name)


def _application(
    handler: Any, handler_name: str | None, home: Path, settings: Settings | None
) -> tuple[App, str]:
    """An application with the handler, in the data directory *home*; and the handler's name."""
    given = settings or (handler.settings if isinstance(handler, App) else load())
    capture = given.capture.model_copy(update={"descriptors": False})
    app = App(given.model_copy(update={"home": home.resolve(), "capture": capture}))
    if isinstance(handler, App | Registry):
        if handler_name is None:
            raise BadInput("an application has several handlers - give run_job a handler_name")
        app.include(handler)
    else:
        handler_name = handler_name or handler.__name__
        app.handler(handler_name)(handler)
    for one in handler.applications if isinstance(handler, App) else ():
        app.include(one)
    return app, handler_name
