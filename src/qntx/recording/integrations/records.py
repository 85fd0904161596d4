"""Records of logging libraries beside ``logging``: from what they hold to a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qntx.journal.format import LEVEL_MAX, LEVEL_MIN
from qntx.journal.interrupts import reraise_from_signal
from qntx.model.log import WARN
from qntx.recording.context import current_place
from qntx.recording.exceptions import exception_metadata, traceback_text
from qntx.recording.lines import WRONG_CALL, append_line, masked


def append_record(
    logger: str | None,
    level: int,
    message: object,
    fields: Mapping[str, Any],
    error: BaseException | None = None,
) -> None:
    """Append the line of one record, in the run of the current code; *error* goes with it."""
    where = current_place()
    if where is None:
        return
    active, scope, flags = where
    text = message if type(message) is str else str(message)
    metadata = dict(fields)
    if error is not None:
        metadata.update(exception_metadata(error))
        text = f"{text}\n{traceback_text(error)}"
    origin = active.journal.origin("logging", logger)
    if origin.epoch is None:  # not written yet: names may contain secrets, too
        origin.logger = masked(origin.logger)
    level = max(LEVEL_MIN, min(level, LEVEL_MAX))
    try:
        append_line(active, scope, level, origin, text, metadata, flags)
    except WRONG_CALL as wrong:
        reraise_from_signal(wrong)
        more = {"capture_error": f"{type(wrong).__name__}: {wrong}"}
        append_line(active, scope, WARN, origin, text, more, flags)
