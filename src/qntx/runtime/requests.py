"""Requests for jobs: the options that whoever enqueues may give, checked."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict, Unpack

import msgspec

from qntx.errors import BadInput
from qntx.model.job import JobRequest


class JobOptions(TypedDict, total=False):
    """Keywords of everything that enqueues; None is as good as not given. See `JobRequest`."""

    source: str | None
    priority: int
    delay_s: float
    idempotency_key: str | None
    parent_job_id: str | None
    execution_id: str | None
    max_attempts: int | None
    unique: bool


class MakesRequests(Protocol):
    """Gives a checked request for a job (`App.request`); raises UnknownHandler or BadInput."""

    def __call__(
        self,
        handler_name: str,
        payload: Any = None,
        *,
        source: str | None = None,
        priority: int = 0,
        delay_s: float = 0.0,
        unique: bool = False,
        idempotency_key: str | None = None,
        execution_id: str | None = None,
    ) -> JobRequest: ...


def request_of(handler_name: str, payload: Any = None, **options: Unpack[JobOptions]) -> JobRequest:
    """The request that these are, whether or not the handler is known; raises BadInput."""
    given = {name: value for name, value in options.items() if value is not None}
    fields = {"source": handler_name, **given, "handler_name": handler_name, "payload": payload}
    try:
        return msgspec.convert(fields, JobRequest)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"a job for {handler_name!r} cannot be asked for like that: {error} - "
            "see the fields of JobRequest"
        ) from None
