"""Where in which run the current code is: one context variable, and the runs of this process."""

from __future__ import annotations

from contextvars import ContextVar, Token
from weakref import WeakKeyDictionary

from qntx.journal.format import UNATTRIBUTED
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Run, Scope
from qntx.journal.writer import Journal


class ActiveRun:
    """A run that this process executes now: where its lines go."""

    __slots__ = ("journal", "root", "run")

    def __init__(self, run: Run, journal: Journal) -> None:
        self.run = run
        self.journal = journal
        self.root = Scope(run)


#: The scope of the current code; None outside of any run.
SCOPE: ContextVar[Scope | None] = ContextVar("qntx_scope", default=None)

#: The runs of this process, by their run.
ACTIVE_RUNS: dict[Run, ActiveRun] = {}

#: The journals of runs that are over, for threads that they left behind and that still write.
_journals_of_ended: WeakKeyDictionary[Run, Journal] = WeakKeyDictionary()


def reset_scope(token: Token[Scope | None]) -> None:
    """Put the scope back; in another context than it was set in there is nothing to put back."""
    try:
        SCOPE.reset(token)
    except ValueError as error:
        reraise_from_signal(error)  # else: a generator or task that was closed from outside


def only_run() -> ActiveRun | None:
    """
    The one run of this process, or None when there is none or there are several.

    Code that nobody can place (a thread started behind Python's back) belongs to it at least.
    """
    if len(ACTIVE_RUNS) == 1:
        for active in ACTIVE_RUNS.values():
            return active
    return None


def end_run(active: ActiveRun, *, goes_on: bool) -> None:
    """*active* is over; if it *goes_on*, code that it left behind still writes to its journal."""
    del ACTIVE_RUNS[active.run]
    if goes_on:
        _journals_of_ended[active.run] = active.journal


def active_run_of(scope: Scope) -> ActiveRun | None:
    """The run of *scope*: one at work, or one that is over and left this code behind."""
    active = ACTIVE_RUNS.get(scope.run)
    if active is None:
        journal = _journals_of_ended.get(scope.run)
        if journal is not None and not journal.closed:
            return ActiveRun(scope.run, journal)
    return active


def current_place() -> tuple[ActiveRun, Scope, int] | None:
    """Where the current code is (run, scope, flags), or in the only run there is; else None."""
    scope = SCOPE.get()
    if scope is not None:
        active = active_run_of(scope)
        return None if active is None else (active, scope, 0)
    active = only_run()
    return None if active is None else (active, active.root, UNATTRIBUTED)
