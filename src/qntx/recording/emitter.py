"""The emitter that captures: writes to the log first, then forwards to the one it wraps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.model.log import DEBUG, ERROR, INFO, WARN
from qntx.recording import descriptors, lines
from qntx.recording.context import SCOPE, ActiveRun, reset_scope
from qntx.recording.emitters import ProgressEmitter
from qntx.recording.exceptions import error_text, exception_metadata
from qntx.recording.lines import WRONG_CALL, append_line, masked, record_event
from qntx.recording.search_windows import SHORT
from qntx.recording.templates import is_template, template_fields, template_text

Metadata = Mapping[str, Any]


class LogCapturingEmitter:  # budget: the interface of the original, and the comfortable one
    """
    Wraps any `ProgressEmitter`: each call is a log line first, then goes on to the wrapped one.

    It keeps the stage and task, keeps whatever else the wrapped emitter can do (task tracking,
    LLM streams), and never raises into the job.
    """

    def __init__(self, active: ActiveRun, wrapped: ProgressEmitter | None = None) -> None:
        self._active = active
        self._run = active.run
        self._wrapped = wrapped
        self._origin = active.journal.origin("emitter")
        self._scopes: dict[tuple[str | None, str | None], Scope] = {}
        #: The scope that ``emit_stage`` has set; ``with emit.stage(...)`` uses a context variable.
        self.current = active.root
        self._progress = 0
        # Whatever else the wrapped emitter can do. Taken over here and not by __getattr__: a class
        # that has that pays for it at every look at an attribute.
        for name in dir(wrapped) if wrapped is not None else ():
            if not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, getattr(wrapped, name))

    # -- the comfortable form ---------------------------------------------------------------

    def debug(self, message: str, /, **metadata: Any) -> None:
        """Log *message* at level debug."""
        self._log(DEBUG, message, metadata)

    def info(self, message: str, /, **metadata: Any) -> None:
        """Log *message* at level info."""
        # Written out, with what append_line() does most of the time: this is the call whose cost
        # people notice.
        scope = SCOPE.get()
        if scope is None or scope.run is not self._run:
            scope = self.current
        guard = lines.current_redactor
        try:
            if metadata or len(message) > SHORT or (guard is not None and guard.search(message)):
                append_line(self._active, scope, INFO, self._origin, message, metadata)
            else:
                self._active.journal.line(scope, INFO, self._origin, message.encode())
        except UnicodeEncodeError as error:  # lone surrogates
            reraise_from_signal(error)
            self._append(scope, INFO, message, metadata)
        except WRONG_CALL as error:
            self._failed(scope, INFO, message, metadata, error)
        except MemoryError as error:
            reraise_from_signal(error)
            lines.lost_for_memory(self._active.journal, scope, 1, len(message))
        if self._wrapped is not None:
            self._forward("emit_info", message, metadata or None)

    def warn(self, message: str, /, **metadata: Any) -> None:
        """Log *message* at level warn."""
        self._log(WARN, message, metadata)
        self._forward("emit_warning", message, metadata or None)

    warning = warn

    def error(self, message: str, /, **metadata: Any) -> None:
        """Log *message* at level error, in the current stage."""
        self._log(ERROR, message, metadata)
        self._forward("emit_error", self._scope().stage or "", message)

    @contextmanager
    def stage(self, stage: str, message: str | None = None, /, **metadata: Any) -> Iterator[None]:
        """Everything inside belongs to *stage*: emitter calls, ``logging``, ``print``, threads."""
        scope = self._scope_for(stage, None)
        with self._span(scope, None):
            if message is not None:
                self._append(scope, INFO, message, metadata)
            self._forward("emit_stage", stage, message or "")
            yield

    @contextmanager
    def task(self, task_id: str, /, name: str | None = None) -> Iterator[None]:
        """Everything inside belongs to the task *task_id* of the current stage."""
        scope = self._scope_for(self._scope().stage, task_id)
        self._forward("add_task", scope.task_id, name or scope.task_id)
        with self._span(scope, name):
            yield
        self._forward("update_task_status", scope.task_id, True, "")

    def progress(self, done: int, total: int | None = None, *, cost: float | None = None) -> None:
        """The job has done *done* of *total* units so far; *cost* (USD) is added to its cost."""
        self._progress = done
        self._event("progress", current=done, total=total, cost=cost)
        self._forward("emit_progress_total", done, total)

    def add_task(self, task_id: str, task_name: str) -> None:
        """A task of the current stage is known; it has not begun."""
        scope = self._scope_for(self._scope().stage, task_id)
        self._event("span", scope, status="pending", name=task_name)
        self._forward("add_task", task_id, task_name)

    def update_task_status(self, task_id: str, completed: bool, result: str) -> None:
        """A task of the current stage is done (or not), with its result."""
        scope = self._scope_for(self._scope().stage, task_id)
        self._event("span", scope, status="completed" if completed else "failed", result=result)
        self._forward("update_task_status", task_id, completed, result)

    # -- the interface of the original --------------------------------------------------------

    def emit_stage(self, stage: str, message: str) -> None:
        """The job enters *stage*; what follows belongs to it until the next one."""
        if self.current.stage is not None:
            self._event("span", self.current, status="completed")
        scope = self._scope_for(stage, None)
        self.current = scope
        if SCOPE.get() is not None:
            SCOPE.set(scope)
        self._event("span", scope, status="running")
        self._append(scope, INFO, message, None)
        self._forward("emit_stage", stage, message)

    def emit_info(self, message: str, metadata: Metadata | None = None) -> None:
        """Log *message* at level info."""
        self._log(INFO, message, metadata)
        self._forward("emit_info", message, metadata)

    def emit_error(self, stage: str, error: BaseException | str) -> None:
        """Log that *error* happened in *stage*."""
        scope = self._scope()
        if stage and stage != scope.stage:
            scope = self._scope_for(stage, None)
        if isinstance(error, BaseException):
            self._append(scope, ERROR, error_text(error), exception_metadata(error))
        else:
            self._append(scope, ERROR, error, None)
        self._forward("emit_error", stage, error)

    def emit_progress(self, count: int, metadata: Metadata | None = None) -> None:
        """*count* more units of work are done."""
        try:
            self._progress += count
        except TypeError:
            self._log(WARN, f"emit_progress takes a number, not {type(count).__name__}", None)
        self._event("progress", current=self._progress)
        if metadata:
            self._log(DEBUG, f"progress: {self._progress}", metadata)
        self._forward("emit_progress", count, metadata)

    def emit_complete(self, summary: Metadata) -> None:
        """The work is done; *summary* becomes the metadata of a line."""
        self._log(INFO, "Job completed", summary)
        self._forward("emit_complete", summary)

    def emit_candidate_match(
        self,
        candidate_id: str,
        score: float,
        qualified: bool,
        reasoning: str,
        metadata: Metadata | None = None,
    ) -> None:
        """A candidate was scored; the line belongs to the task *candidate_id*."""
        scope = self._scope()
        if scope.task_id != candidate_id:
            scope = self._scope_for(scope.stage, candidate_id)
        more = {
            "candidate_id": candidate_id,
            "score": score,
            "qualified": qualified,
            "reasoning": reasoning,
        }
        if metadata:
            more |= metadata if isinstance(metadata, Mapping) else {"metadata": metadata}
        verdict = "qualified" if qualified else "not qualified"
        shown = f"{score:.2f}" if isinstance(score, int | float) else f"{score!r}"
        self._append(scope, INFO, f"{candidate_id} scored {shown}: {verdict} - {reasoning}", more)
        self._forward("emit_candidate_match", candidate_id, score, qualified, reasoning, metadata)

    def leave(self, *, failed: bool) -> None:
        """The job is over: so is the stage that ``emit_stage`` began last."""
        if self.current.stage is not None:
            self._event("span", self.current, status="failed" if failed else "completed")

    def forward_error(self, stage: str, message: str) -> None:
        """Forward an error that is in the log already to the wrapped emitter only."""
        self._forward("emit_error", stage, message)

    # -- inside --------------------------------------------------------------------------------

    def _log(self, level: int, message: str, metadata: Metadata | None) -> None:
        scope = SCOPE.get()
        if scope is None or scope.run is not self._active.run:
            scope = self.current
        try:
            append_line(self._active, scope, level, self._origin, message, metadata)
        except WRONG_CALL as error:
            self._failed(scope, level, message, metadata, error)

    def _append(self, scope: Scope, level: int, message: str, metadata: Metadata | None) -> None:
        try:
            append_line(self._active, scope, level, self._origin, message, metadata)
        except WRONG_CALL as error:
            self._failed(scope, level, message, metadata, error)

    def _failed(
        self, scope: Scope, level: int, message: object, metadata: Any, error: Exception
    ) -> None:
        """Something about the call is wrong (a message that is no text); keep what can be kept."""
        reraise_from_signal(error)
        if is_template(message):
            more = metadata if isinstance(metadata, Mapping) else {}
            fields = {**template_fields(message), **more}
            append_line(self._active, scope, level, self._origin, template_text(message), fields)
            return
        try:
            append_line(
                self._active,
                scope,
                level,
                self._origin,
                f"{message!s}",
                {"capture_error": f"{type(error).__name__}: {error}"},
            )
        except Exception as second:  # noqa: BLE001
            reraise_from_signal(second)
            append_line(
                self._active,
                scope,
                level,
                self._origin,
                f"<{type(message).__name__}>",
                {"capture_error": f"{type(second).__name__}: {second}"},
            )

    def _forward(self, method: str, *arguments: Any) -> None:
        """Forward a call to the wrapped emitter, if it has the method; its failure is a line."""
        call = getattr(self._wrapped, method, None)
        if call is None:
            return
        try:
            call(*arguments)
        except Exception as error:  # noqa: BLE001 - a broken terminal must not fail the job
            reraise_from_signal(error)
            self._append(
                self._scope(), WARN, f"{method} of the wrapped emitter failed: {error}", None
            )

    def _event(self, kind: str, scope: Scope | None = None, **fields: Any) -> None:
        try:
            fields = {name: masked(value) for name, value in fields.items()}
            record_event(self._active, scope or self._scope(), kind, fields)
        except WRONG_CALL as error:
            reraise_from_signal(error)
            self._append(self._scope(), WARN, f"{kind} could not be recorded: {error}", None)

    def _scope(self) -> Scope:
        scope = SCOPE.get()
        return scope if scope is not None and scope.run is self._active.run else self.current

    def _scope_for(self, stage: str | None, task_id: str | None) -> Scope:
        fresh = Scope(self._active.run, stage, task_id, self._scope())
        fresh.stage, fresh.task_id = masked(fresh.stage), masked(fresh.task_id)
        # By the names as they are stored: whatever was given as one may not even be hashable.
        return self._scopes.setdefault((fresh.stage, fresh.task_id), fresh)

    @contextmanager
    def _span(self, scope: Scope, name: str | None) -> Iterator[None]:
        descriptors.record_sizes(self._active)
        token = SCOPE.set(scope)
        self._event("span", scope, status="running", name=name)
        try:
            yield
        except BaseException as error:
            _remember_place(error, scope)
            self._event("span", scope, status="failed")
            raise
        else:
            self._event("span", scope, status="completed")
        finally:
            descriptors.record_sizes(self._active)
            reset_scope(token)


def _remember_place(error: BaseException, scope: Scope) -> None:
    """Note on the exception where it was raised first: the stage to blame."""
    if not hasattr(error, "__qntx_scope__"):
        try:
            error.__qntx_scope__ = scope  # type: ignore[attr-defined]
        except AttributeError:
            pass  # an exception with slots: the run's current stage has to do
