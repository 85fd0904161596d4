"""Switching capture on and off: one journal per process, runs that come and go."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qntx.config import CaptureSettings
from qntx.journal import relay
from qntx.journal.ended import EndedJournal
from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Run, Scope
from qntx.journal.shared_secrets import secrets_folder, shared_secrets
from qntx.journal.wakeup import Wakeup
from qntx.journal.writer import Journal
from qntx.locks import holding
from qntx.recording import descriptors, environment, installation, lines, showing, streams
from qntx.recording.console import DirectStream, console_stream
from qntx.recording.context import ACTIVE_RUNS, SCOPE, ActiveRun, end_run, reset_scope
from qntx.recording.redaction import Redactor, from_environment

#: A pool that outlives many runs remembers only so many of them.
MOST_RUNS_OF_CHILD = 32

_lock = threading.RLock()
_journals: dict[Path, Journal] = {}
_settings = CaptureSettings()
_has_console = True
#: Journals whose environment's secrets are shared with the indexer.
_shared: set[str] = set()
#: Streams of a spawned child to its parent's console.
_consoles: list[DirectStream] = []


def journal_of(home: Path, settings: CaptureSettings | None = None) -> Journal:
    """This process's journal in the data directory *home*."""
    return holding(_lock, _journal_of, home, settings or CaptureSettings())


def _journal_of(home: Path, settings: CaptureSettings) -> Journal:
    journal = _journals.get(home)
    if journal is None:
        _watch_process()
        journal = _journals[home] = Journal(
            home / "journal",
            segment_bytes=settings.segment_bytes,
            memory_limit_bytes=settings.memory_limit_bytes,
            on_first_segment=Wakeup(home).notify,
        )
    return journal


def close_journals() -> str:
    """
    Nothing is recorded in this process for now: end its journals, let go of its relay.

    Returns what could not be kept, and why (else nothing).
    """
    return holding(_lock, _close_journals)


def _close_journals() -> str:
    kept_from: list[str] = []
    for journal in _journals.values():
        if left := journal.close():
            noun = "line" if left == 1 else "lines"
            kept_from.append(
                f"{left:,} {noun} could not be written to {journal.folder}: {journal.hindrance}"
            )
    _journals.clear()
    if not ACTIVE_RUNS:
        relay.release()
    return "; ".join(kept_from)


@contextmanager
def capturing(active: ActiveRun, settings: CaptureSettings | None = None) -> Iterator[ActiveRun]:
    """Everything that the code inside prints or logs becomes lines of *active*."""
    holding(_lock, _enter, active, settings or CaptureSettings())
    token = SCOPE.set(active.root)
    try:
        yield active
    finally:
        streams.finish(active)
        reset_scope(token)
        holding(_lock, _leave, active)


@contextmanager
def ending_forked_children(pid: int) -> Iterator[None]:
    """
    A child forked by the code inside ends with it, and never goes on as if it were *pid*.

    Otherwise a child that leaves the handler would record the end of its parent's run.
    """
    code = 0
    try:
        yield
    except BaseException as error:
        if os.getpid() == pid:
            raise
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
        if not isinstance(error, SystemExit):
            traceback.print_exc()
    if os.getpid() != pid:
        detach()
        os._exit(code)


def seal(active: ActiveRun) -> None:
    """
    The end of *active* is recorded: in a foreground process nothing more of it is stored.

    There everything is put back at the end of the last run. What the threads that it left behind
    say then could be stored by halves at best: what goes through its emitter, say.
    """
    if _has_console:
        active.journal = EndedJournal(active.journal)


def no_console() -> None:
    """This process has no console (a worker): nothing is passed on, only captured."""
    global _has_console
    _has_console = False


# -- for the children of this process ------------------------------------------------------------


def settings_in_force() -> CaptureSettings:
    """The settings of the runs that are captured now."""
    return _settings


def attach(
    home: Path,
    run: Run,
    stage: str | None,
    task_id: str | None,
    settings: CaptureSettings,
    console: list[str],
    parent: str,
) -> None:
    """In a spawned child: go on with *run*, in the stage and task that started the child."""
    active = ActiveRun(run, journal_of(home, settings))
    # The parent has put spools behind the descriptors that the child inherited; what Python's
    # streams write must not go there, too, but straight to the console.
    holding(_lock, _enter, active, settings.model_copy(update={"descriptors": False}))
    for secret in shared_secrets(secrets_folder(home), parent):
        register_secret(secret)
    streams.forward_to(
        *(_console(path, number) for number, path in enumerate(console or ("", ""), 1))
    )
    SCOPE.set(Scope(run, stage, task_id))


def run_in_child(home: Path, job_id: str, attempt: int) -> ActiveRun:
    """In a worker process of a pool: the run that it works for now, which may not be its first."""
    for active in ACTIVE_RUNS.values():
        if active.run.job_id == job_id and active.run.attempt == attempt:
            return active
    active = ActiveRun(Run(job_id, attempt), journal_of(home, _settings))
    is_older = not ACTIVE_RUNS
    holding(_lock, _enter, active, _settings.model_copy(update={"descriptors": False}))
    if is_older:
        # Than the recording: its descriptors lead to the run for as long as it works for that.
        saved = [os.dup(1), os.dup(2)]
        streams.install(lambda stream, number: console_stream(stream, saved[number - 1], number))
    if len(ACTIVE_RUNS) > MOST_RUNS_OF_CHILD:
        del ACTIVE_RUNS[next(iter(ACTIVE_RUNS))]
    return active


def _console(path: str, number: int) -> DirectStream | None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return None
    _consoles.append(DirectStream(fd, number))
    return _consoles[-1]


def register_secret(secret: str) -> None:
    """
    Mask *secret* in everything captured from now on, in this process and what it starts.

    Values shorter than 8 characters are not masked: they would blank ordinary text.
    """
    guard = lines.redactor()
    if guard is None:
        guard = Redactor(from_environment())
        lines.set_redactor(guard)
    guard.register(secret)
    for journal in list(_journals.values()):
        # What goes past Python is masked by the indexer; in memory, never on the disk.
        environment.share_with_indexer([secret], journal)


def detach() -> None:
    """In a child that is about to leave by ``os._exit``: end its journals."""
    for active in list(ACTIVE_RUNS.values()):
        streams.finish(active)
    close_journals()
    if _consoles:
        streams.forward_to(None, None)
    for console in _consoles:
        console.release()
    _consoles.clear()


# -- inside --------------------------------------------------------------------------------------


def _enter(active: ActiveRun, settings: CaptureSettings) -> None:
    global _settings
    if not ACTIVE_RUNS:
        _watch_process()
        _settings = settings
        installation.install(settings, has_console=_has_console)
    ACTIVE_RUNS[active.run] = active
    if len(ACTIVE_RUNS) == 1:
        try:
            if descriptors.are_redirected():
                _share_environment(active.journal)
            descriptors.begin(active)
        except OSError as error:
            reraise_from_signal(error)
            lines.log_not_captured(active, active.root, "descriptors 1 and 2", error)


def _share_environment(journal: Journal) -> None:
    """The indexer masks what goes past Python: it may not know this process's environment."""
    if journal.producer in _shared or lines.redactor() is None:
        return
    _shared.add(journal.producer)
    with contextlib.suppress(OSError):  # memory is full: output of children is masked by format
        environment.share_with_indexer([value for _, value in from_environment()], journal)


def _leave(active: ActiveRun) -> None:
    end_run(active, goes_on=not _has_console)
    descriptors.end(active, next(iter(ACTIVE_RUNS.values()), None))
    if not ACTIVE_RUNS and _has_console:
        # In a worker everything stays in place for the next run.
        installation.uninstall()


def _after_fork_in_child() -> None:
    """A forked child writes a journal of its own; its runs go on in it."""
    global _lock
    _lock = threading.RLock()
    showing.after_fork_in_child()
    streams.after_fork_in_child()
    descriptors.after_fork_in_child()
    for home, journal in list(_journals.items()):
        fresh = journal.successor()
        journal.forget()
        _journals[home] = fresh
        for active in ACTIVE_RUNS.values():
            if active.journal is journal:
                active.journal = fresh
                active.run.accepted = 0


@functools.cache
def _watch_process() -> None:
    """From the first journal or run on: look after forks and the end of this process."""
    os.register_at_fork(before=descriptors.note_children, after_in_child=_after_fork_in_child)
    atexit.register(close_journals)
