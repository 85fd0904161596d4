"""
Every exception that qntx raises, as one tree.

    QntxError
    ├── BadInput                 the caller gave something unusable (HTTP 400, exit code 1)
    │   ├── NeverFires           a schedule has no instant left
    │   ├── FetchError           a URL or file could not be read
    │   └── UnknownHandler       no handler of that name is registered
    ├── NotFound                 the named object does not exist (HTTP 404)
    ├── Conflict                 the object is not in a state that allows this (HTTP 409)
    │   └── IllegalTransition    a job may not move between these two states
    ├── StoreUnavailable         the database is missing, damaged or newer than qntx (503)
    │   ├── StoreBusy            it is locked, or its disk is full: trying again may help
    │   └── StoreMisuse          a statement of ours is wrong: a mistake of qntx (500)
    ├── UnstorableValue          no database will ever take a value: trying again does not help
    └── JobStopped               raised inside a handler that was asked to stop
        ├── JobCancelled
        ├── JobPaused
        ├── JobInterrupted       the server stops; the job goes back to the queue
        └── JobTimedOut

The text of each is one sentence for a person: what happened, to which object, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable


class QntxError(Exception):
    """Base of all errors raised on purpose; its text is one sentence with the next step."""

    code = "error"

    @property
    def message(self) -> str:
        """The sentence to show."""
        return str(self)


class BadInput(QntxError):
    """Something given by the caller cannot be used."""

    code = "bad_input"


class NeverFires(BadInput):
    """A schedule that has no instant left."""


class FetchError(BadInput):
    """A URL or file could not be read."""

    code = "fetch_failed"


class UnknownHandler(BadInput):
    """No handler is registered under the name."""

    code = "unknown_handler"


class NotFound(QntxError):
    """The named object does not exist."""

    code = "not_found"


class Conflict(QntxError):
    """The object exists but is not in a state that allows the request."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A job may not move from the one state to the other."""

    code = "illegal_transition"


#: The next step where the error of the database itself is all that is known.
SEE_DOCTOR = " - see qntx doctor"


class StoreUnavailable(QntxError):
    """The database cannot be used right now."""

    code = "store_unavailable"


class StoreBusy(StoreUnavailable):
    """The database is locked, or its disk is full: trying again may help."""


class UnstorableValue(QntxError):
    """A value that the database will never take, however often it is tried."""

    code = "unstorable_value"


class StoreMisuse(StoreUnavailable):
    """The database does not understand what qntx asks of it: a mistake of qntx."""


class JobStopped(QntxError):
    """Raised inside a running handler that was asked to stop."""

    code = "stopped"


class JobCancelled(JobStopped):
    """The job was cancelled."""

    code = "cancelled"


class JobPaused(JobStopped):
    """The job was paused; it goes back to the queue when it is resumed."""

    code = "paused"


class JobInterrupted(JobStopped):
    """The server (or the lease) is at its end; another worker goes on with the job."""

    code = "interrupted"
    #: Which end it is: server_shutdown, server_restarted or lease_expired.
    reason = "server_shutdown"


class JobTimedOut(JobStopped):
    """The job ran longer than it may."""

    code = "timeout"


def did_you_mean(word: str, known: Iterable[str], within: str = "") -> str:
    """What goes behind "there is no …": which of *known* is nearest to *word*, if any is."""
    from difflib import get_close_matches  # only where something is wrong anyway

    near = get_close_matches(word, list(known), 1)
    return f", did you mean {within + near[0]!r}?" if near else ""
