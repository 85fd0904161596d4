"""Child processes: what they write to the descriptors that they would have inherited."""

from __future__ import annotations

import os
import subprocess
from asyncio.base_subprocess import BaseSubprocessTransport
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qntx.journal.interrupts import reraise_from_signal
from qntx.journal.run_scope import Scope
from qntx.journal.spool import Spool
from qntx.recording import descriptors, lines
from qntx.recording.context import SCOPE, ActiveRun, active_run_of
from qntx.recording.descriptors import STREAMS
from qntx.recording.environment import mask_secrets_of
from qntx.recording.patches import Patches

_patches = Patches()
_original_init: Callable[..., None]
_original_wait: Callable[..., int]
_original_poll: Callable[..., int | None]
_original_system: Callable[..., int]
_original_exited: Callable[..., None]


def install() -> None:
    """Give children of captured code descriptors of their own, in the scope that started them."""
    global _original_init, _original_wait, _original_poll, _original_system, _original_exited
    if _patches.are_in_place():
        return
    _original_init = _patches.replace(subprocess.Popen, "__init__", _init)
    _original_wait = _patches.replace(subprocess.Popen, "wait", _wait)
    _original_poll = _patches.replace(subprocess.Popen, "poll", _poll)
    _original_exited = _patches.replace(BaseSubprocessTransport, "_process_exited", _exited)
    _original_system = _patches.replace(os, "system", _system)


def uninstall() -> None:
    """Put back what was there before."""
    _patches.put_back()


# -- subprocess ------------------------------------------------------------------------------------

_POSITIONS = {"stdout": 4, "stderr": 5}  # of Popen's positional arguments, after args itself
_MOST_NAME = 80


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    """``Popen(...)``: a stream that would lead to ours gets a spool of its own."""
    scope = SCOPE.get()
    active = active_run_of(scope) if scope is not None else None
    if active is None or scope is None or not descriptors.are_redirected():
        if scope is not None and active is None:
            _give_outside(args, kwargs)
        _original_init(self, *args, **kwargs)
        return
    if isinstance(kwargs.get("env"), Mapping):
        mask_secrets_of(kwargs["env"], active.journal)
    given = {name: kwargs.get(name) for name, at in _POSITIONS.items() if len(args) <= at}
    program = name_of(args[0] if args else kwargs.get("args"))
    with streams_of(active, scope, given, program) as spools:
        _original_init(self, *args, **{**kwargs, **given})
    self._qntx_spools = (active, scope, spools)


def _give_outside(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """The run of this code is over, and the descriptors are another's: its children pass it by."""
    for (stream, position), outside in zip(_POSITIONS.items(), descriptors.outside(), strict=False):
        if len(args) <= position and inherited_stream(stream, kwargs.get(stream)) == stream:
            kwargs[stream] = outside


def name_of(command: Any) -> str:
    """What a child is called: the name of its program, without arguments; empty: nobody knows."""
    if isinstance(command, list | tuple):
        word = command[0] if command else ""
    elif isinstance(command, str | bytes):
        word = (command.split(maxsplit=1) or [""])[0]  # a line for the shell
    else:
        word = command  # a path; what can be gone through only once is Popen's
    try:
        return str(lines.masked(os.path.basename(os.fsdecode(word))))[:_MOST_NAME]
    except TypeError:
        return ""  # Popen raises what is wrong with it


@contextmanager
def streams_of(
    active: ActiveRun, scope: Scope, given: dict[str, Any], program: str = ""
) -> Iterator[list[Spool]]:
    """
    A child started inside has streams of its own, which are given, where it would have ours.

    *given*: what it is to have as ``stdout`` and ``stderr``, None to inherit; changed here.
    """
    spools: dict[str, Spool] = {}
    try:
        for stream, value in given.items():
            name = inherited_stream(stream, value)
            if name is not None and name not in spools:
                spool = stream_for(active, scope, name, "a child", program=program)
                if spool is not None:
                    spools[name] = spool
            if name in spools:
                given[stream] = spools[name].fd
        held = list(spools.values())
        yield held
    except BaseException:
        finish_spools(active, scope, list(spools.values()))
        raise
    # The child has them now; once it closes them they are at their end, whether or not anybody
    # waits for it.
    for spool in held:
        spool.close()


def stream_for(
    active: ActiveRun, scope: Scope, stream: str, what: str, **fields: Any
) -> Spool | None:
    """A spool for *what*'s *stream*; None where none can be made: it inherits ours, and says so."""
    try:
        return open_spool(active, scope, stream, "subprocess", **fields)
    except OSError as error:
        reraise_from_signal(error)
        if descriptors.leads_to_spool(1 + STREAMS.index(stream)):
            lines.log_credited_at_large(active, scope, f"{what} ({stream})", error)
        else:
            lines.log_not_captured(active, scope, f"{what} ({stream})", error)
        return None


def inherited_stream(stream: str, given: Any) -> str | None:
    """Which of our streams a child gets where its *stream* is *given*; None: another one."""
    if given is None:
        given = 1 + STREAMS.index(stream)  # it inherits what is there, which may be the program's
    try:
        number = given if isinstance(given, int) else given.fileno()
    except (AttributeError, OSError, ValueError):
        return None  # Popen raises what is wrong with it
    return STREAMS[number - 1] if descriptors.leads_to_spool(number) else None


def open_spool(active: ActiveRun, scope: Scope, stream: str, source: str, **fields: Any) -> Spool:
    """A spool for a child's *stream*, whose lines belong to *scope*."""
    spool = Spool(active.journal.folder.parent, active.journal.producer, stream)
    active.journal.event(
        scope,
        "spool",
        {
            "name": spool.name,
            "stream": stream,
            "source": source,
            "shared": False,
            "keep": descriptors.has_console(),
            "redact": lines.redactor() is not None,
            **fields,
        },
    )
    descriptors.show(spool, stream)
    return spool


def finish_spools(active: ActiveRun, scope: Scope, spools: list[Spool]) -> None:
    """What a child wrote comes before what is logged from here on; its spools are finished."""
    for spool in spools:
        spool.close()
        descriptors.finish(active, scope, spool)
        descriptors.show_rest(spool)
        spool.forget()
    spools.clear()


def _wait(self: Any, timeout: float | None = None) -> int:
    code = _original_wait(self, timeout)
    _finish_spools_of(self)
    return code


def _poll(self: Any) -> int | None:
    code = _original_poll(self)
    if code is not None:
        _finish_spools_of(self)
    return code


def _exited(self: Any, code: int) -> None:
    """asyncio learns of an exit by itself, and does not ask the ``Popen`` that it made."""
    _finish_spools_of(self._proc)
    _original_exited(self, code)


def _finish_spools_of(child: Any) -> None:
    held = getattr(child, "_qntx_spools", None)
    if held is not None and held[2]:
        finish_spools(*held)


def _system(command: Any) -> int:
    """``os.system``: the same shell, through ``Popen``; returns the wait status as it does."""
    if SCOPE.get() is None or not descriptors.are_redirected():
        return _original_system(command)
    code = subprocess.call(os.fspath(command), shell=True)  # noqa: S602 - it is os.system
    return -code if code < 0 else code << 8
