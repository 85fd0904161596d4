"""Server-sent events, as they go over the wire."""

from __future__ import annotations

EVENT_STREAM = "text/event-stream"
#: How often a silent stream says that it is still there, seconds.
HEARTBEAT_S = 15.0


def frame(name: bytes, data: bytes) -> bytes:
    """One event; JSON has no line breaks, so that nothing in it can start a field."""
    return b"event: %s\ndata: %s\n\n" % (name, data)
