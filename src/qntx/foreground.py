"""For everybody: capture any block of Python, or any command, as a job of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import msgspec

from qntx.app import App, foreground_fields
from qntx.errors import StoreUnavailable
from qntx.indexer.launch import IndexerProcess
from qntx.journal.run_scope import Run
from qntx.journal.segment import check_writable
from qntx.journal.spool import Spool
from qntx.model.ids import new_id
from qntx.model.job import Claimed
from qntx.model.log import ERROR
from qntx.recording import lines, subprocesses
from qntx.recording.context import ActiveRun
from qntx.recording.descriptors import STREAMS
from qntx.recording.emitter import LogCapturingEmitter
from qntx.recording.formats import is_secret_name
from qntx.recording.session import capturing, ending_forked_children, journal_of
from qntx.runtime.cancellation_watcher import watching_for_cancellation
from qntx.runtime.execute import begin_attempt, end_attempt
from qntx.runtime.outcome import Outcome, failure
from qntx.storage.interfaces import Store

#: Seconds that a cancelled command gets to end by itself.
CANCELLED_COMMAND_GRACE_S = 10.0
NOT_FOUND = "command_not_found"


class Captured(LogCapturingEmitter):
    """The emitter of a captured block, and the id of its job."""

    job_id: str


@contextlib.contextmanager
def capture(
    name: str, *, home: str | Path | None = None, source: str | None = None
) -> Iterator[Captured]:
    """
    Everything that the block says becomes the log of a job called *name*.

    Gives an emitter with ``stage`` and ``task``; an exception fails the job and goes on to the
    caller. At the end of the block all lines are in the store (StoreUnavailable if they cannot be).
    """
    app = App(home=home)
    job = Claimed(
        id=new_id("JB"), handler_name=name, source=source or _script(), payload=None, attempt=1
    )
    with app.indexing():
        active = _active(app, job)
        outcome = Outcome("completed")
        try:
            with capturing(active, app.settings.capture):
                _begin(active, job, "block")
                emit = Captured(active)
                emit.job_id = job.id
                try:
                    with ending_forked_children(os.getpid()):
                        yield emit
                except BaseException as error:
                    outcome = failure(error, active, emit.current)
                    raise
        finally:
            end_attempt(active, outcome)
            app.settle(job.id)


def run_command(
    app: App,
    command: Sequence[str],
    *,
    name: str,
    on_start: Callable[[str], None] | None = None,
    indexer: IndexerProcess | None = None,
) -> int:
    """
    Run *command* as a job called *name*, its output captured and passed through as it comes.

    A printed line ``::stage:: name`` or ``::task:: id`` switches the stage or task. Returns the
    command's exit code (128 + signal number when a signal ended it, 127 when there is none).
    *indexer*: one of its own that was started already, and is ended here.
    Raises StoreUnavailable, before anything runs, where nothing can be written for good.
    """
    check_writable(app.settings.home)
    job = Claimed(id=new_id("JB"), handler_name=_text(name), source="", payload=None, attempt=1)
    with app._indexing(indexer):
        active = _active(app, job)
        if on_start is not None:
            on_start(job.id)
        with capturing(active, app.settings.capture):
            shown = _masked([_text(word) for word in command])
            source, payload = " ".join(shown), {"command": shown}
            job = msgspec.structs.replace(job, source=source, payload=payload)
            _begin(active, job, "command")
            code, outcome = _child(active, command, app.store)
        end_attempt(active, outcome)
        try:
            app.settle(job.id)
        except StoreUnavailable as error:  # the command's own code is what its caller waits for
            print(f"qntx: {error}", file=sys.stderr)
    if outcome.error_type == NOT_FOUND:
        print(f"qntx: {outcome.error}", file=sys.stderr)
    return code


def _text(word: str) -> str:
    """A word of a command line as it is kept: bytes of it that are not UTF-8 are escaped."""
    return os.fsencode(word).decode("utf-8", "backslashreplace")


def _masked(command: Sequence[str]) -> list[str]:
    """*command* as it is kept: a command line is where many a secret stands."""
    redactor = lines.redactor()
    if redactor is None:
        return list(command)
    shown, option = [], ""
    for part in command:
        secret = option.startswith("-") and not part.startswith("-") and is_secret_name(option)
        shown.append(redactor.value(part, option) if secret else redactor.text(part))
        option = part
    return shown


def _child(active: ActiveRun, command: Sequence[str], store: Store) -> tuple[int, Outcome]:
    spools = _streams(active, command)
    try:
        out, err = (spools[name].fd if name in spools else None for name in STREAMS)
        child = subprocess.Popen(command, stdout=out, stderr=err)
    except OSError as error:
        subprocesses.finish_spools(active, active.root, list(spools.values()))
        is_missing = isinstance(error, FileNotFoundError)
        advice = "check the name and the PATH" if is_missing else "see that it may be executed"
        text = f"cannot run {command[0]!r}: {error.strerror} - {advice}"
        lines.append_line(active, active.root, ERROR, active.journal.origin("system"), text)
        return 127 if is_missing else 126, Outcome("failed", error=text, error_type=NOT_FOUND)
    for spool in spools.values():
        spool.close()  # the child has them, and ends them
    requests: list[str] = []
    with (
        _forwarding(child),
        watching_for_cancellation(store, active.run.job_id, _ending(child, requests)),
    ):
        code = child.wait()
    subprocesses.finish_spools(active, active.root, list(spools.values()))
    return (code if code >= 0 else 128 - code), _outcome(active, code, cancelled=bool(requests))


def _streams(active: ActiveRun, command: Sequence[str]) -> dict[str, Spool]:
    """The streams of a child for *command*; one that cannot be made leads to ours."""
    program = subprocesses.name_of(command)
    found = {
        stream: subprocesses.stream_for(
            active, active.root, stream, "the command", directives=True, program=program
        )
        for stream in STREAMS
    }
    return {stream: spool for stream, spool in found.items() if spool is not None}


def _outcome(active: ActiveRun, code: int, *, cancelled: bool) -> Outcome:
    """What a command's exit *code* (negative: a signal's number) means for its job."""
    result = {"exit_code": code}
    if code == 0:
        return Outcome("completed", result)
    names = {int(known): known.name for known in signal.Signals}  # real-time ones have none
    shown = f"exit {code}" if code > 0 else f"killed: {names.get(-code, f'signal {-code}')}"
    text = f"command cancelled: {shown}" if cancelled else f"command failed: {shown}"
    lines.append_line(active, active.root, ERROR, active.journal.origin("system"), text)
    if cancelled:
        return Outcome("cancelled", result, text, reason="cancelled")
    return Outcome("failed", result, text, "exit_code")


def _ending(child: subprocess.Popen[bytes], requests: list[str]) -> Callable[[str], None]:
    """What ends the command when somebody cancels its job: SIGTERM, and SIGKILL if it stays."""

    def end(request: str) -> None:
        requests.append(request)
        child.terminate()
        killer = threading.Timer(CANCELLED_COMMAND_GRACE_S, child.kill)
        killer.daemon = True
        killer.start()

    return end


@contextlib.contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Signals that ask this process to end go to the command; it decides."""

    def forward(number: int, frame: FrameType | None) -> None:
        # Ctrl-C reaches the command by itself: it is in the same group of the terminal.
        if number != signal.SIGINT:
            child.send_signal(number)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _active(app: App, job: Claimed) -> ActiveRun:
    return ActiveRun(Run(job.id, 1), journal_of(app.settings.home, app.settings.capture))


def _begin(active: ActiveRun, job: Claimed, run_kind: str) -> None:
    begin_attempt(active, job, foreground_fields(job, active.journal.producer, run_kind))


def _script() -> str:
    """What is running: the script's path, or the interpreter where there is none."""
    return os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
