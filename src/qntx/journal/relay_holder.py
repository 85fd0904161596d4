"""Whoever starts a relay holds what it holds, and starts another one when it dies."""

from __future__ import annotations

import array
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from qntx.journal import relay_process
from qntx.journal.background_threads import BackgroundThread
from qntx.journal.relay_connection import Connection, inodes, send_to, unread_bytes
from qntx.linux import pidfd_open

#: Imported, not run as a file: what is compiled already costs neither time nor memory.
_PROGRAM = """\
import sys
folder, control, most_wait_s = sys.argv[1:]
sys.path.append(folder)
from relay_process import main
main(int(control), float(most_wait_s))
"""
_FOLDER = Path(relay_process.__file__).parent
_INT_BYTES = array.array("i").itemsize
#: Only a part of the descriptors that a process may have is used to hold streams: one in so many.
_HOLDER_PART = 8
#: How often the holder looks at streams that nobody can write to any more, milliseconds.
_LOOK_MS = 20
#: A stream that nobody can write to, and that is taken but has no end for so long, has none.
_GIVE_UP_S = 2.0
_REAP_S = 0.0005


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
        self._inodes = inodes(self._numbers())
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
        _leaving.append(self._process)
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

    def _numbers(self) -> list[int]:
        return [self._wake, self._waker, self._inbox.fileno(), self._theirs.fileno()]

    def _is_intact(self) -> bool:
        """Whether the program has left our descriptors alone; otherwise they may be its own now."""
        return inodes(self._numbers()) == self._inodes

    def _launch(self) -> None:
        control = self._theirs.fileno()
        python = [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM]
        self._process = subprocess.Popen(
            [*python, str(_FOLDER), str(control), str(self._room_wait_s)],
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
            send_to(self._relay, pipe, file)

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


#: Relays that nobody holds any more. They may outlive us, with what is left behind.
_leaving: list[subprocess.Popen[bytes]] = []


def reap(within_s: float) -> None:
    """Take leave of relays that are at their end, or come to it within so many seconds."""
    until = time.monotonic() + within_s
    while _leaving:
        _leaving[:] = [process for process in _leaving if process.poll() is None]
        if time.monotonic() >= until:
            return
        time.sleep(_REAP_S)


def forget_leaving() -> None:
    """In a forked child, or at the end: they are somebody else's to wait for."""
    for process in _leaving:
        process.returncode = 0
    _leaving.clear()


def _most_held() -> int:
    """The largest number of a descriptor that may be used to hold a stream."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _HOLDER_PART
