"""
The relay of this process: started before the first stream, shared with workers, replaced at death.

A stream is handed over twice, to the relay and to a holder: a thread of the process that started
the relay. What both hold survives the death of either, and of whoever made the stream.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import fcntl
import functools
import os
import resource
import select
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from qntx.journal import relay_process
from qntx.journal.background_threads import BackgroundThread
from qntx.journal.interrupts import reraise_from_signal
from qntx.linux import pidfd_open

_PROGRAM = Path(relay_process.__file__).with_suffix(".py")
#: A relay that takes nothing for so long is given up, seconds.
_SEND_S = 10.0
_RETRY_S = 0.002
_INT_BYTES = array.array("i").itemsize
#: Only a part of the descriptors that a process may have is used to hold streams: one in so many.
_HOLDER_PART = 4
#: How often the holder looks at streams that nobody can write to any more, milliseconds.
_LOOK_MS = 20
#: A stream that nobody can write to, and that is taken but has no end for so long, has none.
_GIVE_UP_S = 2.0


def unread_bytes(pipe: int) -> int:
    """How many bytes the pipe *pipe* (a read end) holds; raises OSError."""
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def has_no_writers(pipe: int) -> bool:
    """Whether nobody can write to the pipe *pipe* (a read end) any more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


class Connection:
    """The way to a relay and its holder: two sockets that any number of processes may share."""

    def __init__(self, relay: socket.socket, holder: socket.socket) -> None:
        self._sockets = (holder, relay)  # the holder first: what the relay has, it has, too
        self._inodes = _inodes(self.descriptors)

    @property
    def descriptors(self) -> list[int]:
        """What another process has to inherit for ``connect``."""
        return [end.fileno() for end in reversed(self._sockets)]

    def is_intact(self) -> bool:
        """Whether a program has not closed the sockets, to use their numbers for its own files."""
        return _inodes(self.descriptors) == self._inodes

    def send(self, pipe: int, file: int) -> None:
        """Hand over a stream; raises OSError where there is no relay any more."""
        if not self.is_intact():
            raise BrokenPipeError("the way to the relay was closed")
        holder, relay = self._sockets
        with contextlib.suppress(OSError):  # it is gone: the relay goes on without one
            _send(holder, pipe, file)
        _send(relay, pipe, file)

    def close(self) -> None:
        """Let go of the sockets, but never of a program's own files."""
        is_intact = self.is_intact()
        for end in self._sockets:
            if is_intact:
                end.close()
            else:
                end.detach()


def _inodes(descriptors: Iterable[int]) -> list[int]:
    """What is behind descriptors: 0 where nothing is."""
    found = []
    for number in descriptors:
        try:
            found.append(os.fstat(number).st_ino)
        except OSError:
            found.append(0)
    return found


def _send(end: socket.socket, *descriptors: int) -> None:
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    until = time.monotonic() + _SEND_S
    while True:
        try:
            end.sendmsg([b"+"], [rights], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(_RETRY_S)


class Holder:
    """
    Starts the relay, holds what it holds, and starts another one when it dies.

    *room_wait_s*: how long a stream waits for room on the disk before its bytes are dropped.
    """

    def __init__(self, room_wait_s: float) -> None:
        self._room_wait_s = room_wait_s
        relay, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        holder, self._inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._relay = relay
        self.connection = Connection(relay, holder)
        #: The files of streams that are not at their end, by the read ends of their pipes.
        self._held: dict[int, int] = {}
        #: Streams that nobody can write to any more, and since when.
        self._ending: dict[int, float] = {}
        self._wake, self._waker = os.pipe()
        self._thread = BackgroundThread("qntx-relay", self._watch, wake=self._wake_up)
        self._poll = select.poll()
        for number in (self._wake, self._inbox.fileno()):
            self._poll.register(number, select.POLLIN)
        self._inodes = _inodes(self._numbers())
        self._launch()
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process id of the relay."""
        return self._process.pid

    def let_go(self) -> None:
        """
        Hold nothing any more: the relay ends by itself once its streams are at their ends.

        So does a forked child, whose parent is the holder, and gets what the child sends.
        """
        self._thread.stop()
        is_intact = self._is_intact()
        for end in (self._theirs, self._inbox):
            if is_intact:
                end.close()
            else:
                end.detach()
        if is_intact:
            for number in (self._wake, self._waker, self._pidfd, *self._held, *self._held.values()):
                os.close(number)
        self._held.clear()
        # It may outlive us; and in a child it is not its own.
        self._process.returncode = 0

    def _numbers(self) -> list[int]:
        return [self._wake, self._waker, self._inbox.fileno(), self._theirs.fileno()]

    def _is_intact(self) -> bool:
        """Whether the program has left our descriptors alone; otherwise they may be its own now."""
        return _inodes(self._numbers()) == self._inodes

    def _launch(self) -> None:
        control = self._theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", str(_PROGRAM), str(control), str(self._room_wait_s)],
            pass_fds=[control],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._pidfd = pidfd_open(self._process.pid)
        self._poll.register(self._pidfd, select.POLLIN)

    def _wake_up(self) -> None:
        if self._is_intact():
            os.write(self._waker, b"w")

    def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            ready = self._poll.poll(_LOOK_MS if self._ending else None)
            if not self._is_intact():
                return
            for number, _ in ready:
                if number == self._wake:
                    os.read(self._wake, 1)
                elif number == self._pidfd:
                    self._replace()
                elif number == self._inbox.fileno():
                    self._receive()
                elif number in self._held:
                    self._poll.unregister(number)
                    self._ending[number] = time.monotonic()
            for pipe, since in list(self._ending.items()):
                if self._is_over(pipe, since):
                    self._release(pipe)

    def _replace(self) -> None:
        """The relay is dead: another one goes on with what is held."""
        self._poll.unregister(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        while self._receive():  # what the dead one had taken was sent here before
            pass
        self._launch()
        for pipe, file in self._held.items():
            _send(self._relay, pipe, file)

    def _receive(self) -> bool:
        """Take what came, without waiting; returns whether there was anything."""
        room = socket.CMSG_SPACE(2 * _INT_BYTES)
        try:  # not by socket.recv_fds, which takes flags but does not pass them on
            _, ancillary, _, _ = self._inbox.recvmsg(1, room, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data[: len(data) // _INT_BYTES * _INT_BYTES])
        if len(descriptors) == 2 and max(descriptors) < _most_held():
            pipe, file = descriptors
            self._held[pipe] = file
            self._poll.register(pipe, 0)
        else:
            for number in descriptors:
                os.close(number)
        return True

    def _is_over(self, pipe: int, since: float) -> bool:
        """Whether the relay has seen the end of a stream, or never will for want of room."""
        header = relay_process.read_header(self._held[pipe])
        if header is not None and header.ended:
            return True
        return time.monotonic() - since > _GIVE_UP_S and not unread_bytes(pipe)

    def _release(self, pipe: int) -> None:
        if self._ending.pop(pipe, None) is None:
            self._poll.unregister(pipe)
        os.close(self._held.pop(pipe))
        os.close(pipe)


def _most_held() -> int:
    """The largest number of a descriptor that may be used to hold a stream."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _HOLDER_PART


_lock = threading.RLock()
_room_wait_s = relay_process.MOST_WAIT_S
_connection: Connection | None = None
_holder: Holder | None = None


def hand_over(pipe: int, file: int) -> None:
    """
    Have what comes out of *pipe* (a read end) moved to *file*, from now to its end.

    Starts the relay if there is none. Raises OSError where it can be neither reached nor started.
    """
    with _lock:
        if _connection is not None:
            try:
                _connection.send(pipe, file)
                return
            except OSError as error:
                reraise_from_signal(error)
                _let_go()
        ensure().send(pipe, file)


def ensure() -> Connection:
    """The way to the relay of this process, which is started if it has none; raises OSError."""
    global _connection, _holder
    with _lock:
        if _connection is None:
            _watch_forks()
            _holder = Holder(_room_wait_s)
            _connection = _holder.connection
        return _connection


def set_room_wait(seconds: float) -> None:
    """How long output waits for room on the disk before it is dropped, where a relay starts now."""
    global _room_wait_s
    _room_wait_s = seconds


def connect(relay: int, holder: int) -> None:
    """In a worker: use the relay of the process that started it, by the sockets it inherited."""
    global _connection
    _watch_forks()
    ends = socket.socket(fileno=relay), socket.socket(fileno=holder)
    for end in ends:
        end.set_inheritable(False)
    _connection = Connection(*ends)


def relay_pid() -> int | None:
    """The process id of the relay that this process has started; None: it uses another's."""
    return _holder.pid if _holder is not None else None


def _let_go() -> None:
    global _connection, _holder
    if _holder is not None:
        _holder.let_go()
    if _connection is not None:
        _connection.close()
    _connection = _holder = None


def _after_fork_in_child() -> None:
    global _lock, _holder
    _lock = threading.RLock()
    if _holder is not None:
        _holder.let_go()
        _holder = None


@functools.cache
def _watch_forks() -> None:
    os.register_at_fork(after_in_child=_after_fork_in_child)
    atexit.register(_let_go)
