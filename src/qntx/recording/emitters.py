"""The emitters that a capturing emitter may wrap: for a job's row, a terminal, a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO, runtime_checkable

from qntx.clock import iso, now_us

Metadata = Mapping[str, Any]


class ProgressEmitter(Protocol):
    """What a handler reports its progress to (the interface of the original)."""

    def emit_stage(self, stage: str, message: str) -> None:
        """The job enters *stage*."""

    def emit_info(self, message: str, metadata: Metadata | None = None) -> None:
        """Something worth knowing."""

    def emit_error(self, stage: str, error: BaseException | str) -> None:
        """Something went wrong in *stage*."""

    def emit_progress(self, count: int, metadata: Metadata | None = None) -> None:
        """*count* more units of work are done."""

    def emit_complete(self, summary: Metadata) -> None:
        """The work is done."""

    def emit_candidate_match(
        self,
        candidate_id: str,
        score: float,
        qualified: bool,
        reasoning: str,
        metadata: Metadata | None = None,
    ) -> None:
        """A candidate was scored (0..1) against a job description."""


@runtime_checkable
class TaskTracker(Protocol):
    """Optional capability: tasks as squares of progress."""

    def add_task(self, task_id: str, task_name: str) -> None:
        """A task is known."""

    def update_task_status(self, task_id: str, completed: bool, result: str) -> None:
        """A task changed."""


@runtime_checkable
class LLMStreamBroadcaster(Protocol):
    """Optional capability: tokens of a language model as they come."""

    def broadcast_llm_stream(
        self,
        task_id: str | None,
        content: str,
        *,
        done: bool = False,
        model: str | None = None,
        stage: str | None = None,
        error: str | None = None,
    ) -> None:
        """Some more text of the model's answer."""


class NullEmitter:
    """Does nothing with what it gets."""

    def emit_stage(self, stage: str, message: str) -> None: ...

    def emit_info(self, message: str, metadata: Metadata | None = None) -> None: ...

    def emit_error(self, stage: str, error: BaseException | str) -> None: ...

    def emit_progress(self, count: int, metadata: Metadata | None = None) -> None: ...

    def emit_complete(self, summary: Metadata) -> None: ...

    def emit_candidate_match(
        self,
        candidate_id: str,
        score: float,
        qualified: bool,
        reasoning: str,
        metadata: Metadata | None = None,
    ) -> None: ...


class JsonEmitter(NullEmitter):
    """One JSON object a line: ``{"type": …, "timestamp": …, "data": {…}}``."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def emit_stage(self, stage: str, message: str) -> None:
        """Write a ``stage`` event."""
        self._write("stage", stage=stage, message=message)

    def emit_info(self, message: str, metadata: Metadata | None = None) -> None:
        """Write an ``info`` event."""
        self._write("info", message=message, **({"metadata": metadata} if metadata else {}))

    def emit_error(self, stage: str, error: BaseException | str) -> None:
        """Write an ``error`` event."""
        self._write("error", stage=stage, error=str(error))

    def emit_progress(self, count: int, metadata: Metadata | None = None) -> None:
        """Write a ``progress`` event."""
        self._write("progress", count=count, **({"metadata": metadata} if metadata else {}))

    def emit_complete(self, summary: Metadata) -> None:
        """Write a ``complete`` event."""
        self._write("complete", **summary)

    def emit_candidate_match(
        self,
        candidate_id: str,
        score: float,
        qualified: bool,
        reasoning: str,
        metadata: Metadata | None = None,
    ) -> None:
        """Write a ``candidate_match`` event."""
        self._write(
            "candidate_match",
            candidate_id=candidate_id,
            score=score,
            qualified=qualified,
            reasoning=reasoning,
        )

    def _write(self, kind: str, **data: Any) -> None:
        event = {"type": kind, "timestamp": iso(now_us()), "data": data}
        self._stream.write(json.dumps(event, default=str) + "\n")
        self._stream.flush()
