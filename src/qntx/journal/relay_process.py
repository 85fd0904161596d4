"""
The relay: a small process that moves what comes through pipes into spool files, and nothing else.

``qntx.journal.relay_holder`` starts it, in an interpreter that imports nothing else of the
package; ``qntx.journal.spool`` makes the pipes and the files.

It is told of nothing but descriptors: each message on the socket CONTROL carries the read end of
a pipe and the file that its bytes go to. ``splice`` takes bytes out of the pipe only when they
are in the file, so that at no moment they exist in this process alone; whoever kills it loses
nothing, since others hold the same descriptors and start another one. It ends when nobody can
send it a pipe any more and all pipes are at their end, not when a job ends.
"""

from __future__ import annotations

# budget: it runs without the rest of the package, and holds all that it needs
import os
import sys

MAGIC = b"QNTXSPL2"
#: A spool file begins with so much that is not output. All numbers in it are of 8 bytes,
#: little-endian: the magic, whether the stream has ended (0 or 1), how many losses are noted, how
#: many milliseconds it has waited for room by now (0: it does not), then the losses, of three
#: numbers each: where in the file the bytes would have been, lines, bytes.
HEADER_BYTES = 512
_ENDED_AT = 8
_LOSSES_AT = 16
_WAITS_AT = 24
_FIRST_LOSS_AT = 32
_LOSS_BYTES = 24
MOST_LOSSES = (HEADER_BYTES - _FIRST_LOSS_AT) // _LOSS_BYTES

#: A stream waits so long for room on the disk, then its bytes are counted and dropped, seconds.
MOST_WAIT_S = 60.0
_RETRY_S = 0.02
#: So much longer a stream that is over waits for room for its header, which says what it lost.
_MOST_END_WAIT_S = 600.0
_SPLICE_BYTES = 1 << 20
#: A pipe that held so much is made larger, so that its writer waits less.
_LARGE_BYTES = 48 << 10
_LARGE_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031
#: Where wake-ups follow each other within this time, seconds, the relay sleeps in between: being
#: woken by each of many small writes would cost the writer more than a file does.
_QUICK_S = 0.0002
_QUICK_ROUNDS = 4
_MOST_ROUNDS = 1 << 12
_NAP_S = 0.001
_SMALL_BYTES = 16 << 10


class Header:
    """
    What the header of a spool file says.

    *ended*: everything that was ever written to the stream is in the file, or counted as lost.
    *losses*: places where output is missing: offset in the file, lines, bytes.
    *waits_ms*: for how long the output has been waiting for room on the disk; 0 if it is not.
    """

    __slots__ = ("ended", "losses", "waits_ms")

    def __init__(self, ended: bool, losses: list[tuple[int, int, int]], waits_ms: int) -> None:
        self.ended = ended
        self.losses = losses
        self.waits_ms = waits_ms


def read_header(fd: int) -> Header | None:
    """The header of the spool file open as *fd*; None while the relay has not taken it up."""
    data = os.pread(fd, HEADER_BYTES, 0)
    if len(data) < HEADER_BYTES or data[: len(MAGIC)] != MAGIC:
        return None
    at = _FIRST_LOSS_AT
    losses = []
    for _ in range(min(_number(data, _LOSSES_AT), MOST_LOSSES)):
        losses.append((_number(data, at), _number(data, at + 8), _number(data, at + 16)))
        at += _LOSS_BYTES
    return Header(_number(data, _ENDED_AT) != 0, losses, _number(data, _WAITS_AT))


def mark_ended(fd: int) -> None:
    """Note that the stream of the spool file open as *fd* was seen to its end."""
    os.pwrite(fd, (1).to_bytes(8, "little"), _ENDED_AT)


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


class Stream:
    """One pipe and the file that its bytes go to."""

    __slots__ = ("drops", "file", "is_large", "losses", "pipe", "position", "waits_since")

    def __init__(self, pipe: int, file: int) -> None:
        self.pipe = pipe
        self.file = file
        self.is_large = False
        #: Where the next byte goes; 0 while there is no header.
        self.position = 0
        #: Since when it waits for room on the disk; 0: it does not.
        self.waits_since = 0.0
        #: It has waited long enough once, and there has been no room since: it waits no more.
        self.drops = False
        self.losses: list[tuple[int, int, int]] = []

    def move(self) -> int:
        """
        Move what the pipe holds; returns the bytes moved, -1 at the end of the stream.

        Raises OSError where the file takes nothing now; everything is still in the pipe then.
        """
        if not self.position:
            self._begin()
        try:
            moved = os.splice(self.pipe, self.file, _SPLICE_BYTES, offset_dst=self.position)
        except OSError as error:
            if error.errno != _EINVAL:
                raise
            moved = self._copy()
        self.position += moved
        self.drops = self.drops and not moved
        if moved >= _LARGE_BYTES and not self.is_large:
            self.is_large = True
            _enlarge(self.pipe)
        return moved or -1

    def drop(self) -> int:
        """Take what the pipe holds, and count it as lost; returns its bytes, -1 at the end."""
        self.drops = True
        try:
            data = os.read(self.pipe, _SPLICE_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            return -1
        place = max(self.position, HEADER_BYTES)
        lines = data.count(b"\n")
        last = self.losses[-1] if self.losses else None
        if last is not None and (last[0] == place or len(self.losses) == MOST_LOSSES):
            self.losses[-1] = (last[0], last[1] + lines, last[2] + len(data))
        else:
            self.losses.append((place, lines, len(data)))
        return len(data)

    def note(self, now: float) -> None:
        """Write what has been lost, and how long the stream waits, into the header."""
        if self.position:
            os.pwrite(self.file, self._noted(now), _LOSSES_AT)

    def _noted(self, now: float) -> bytes:
        numbers = [len(self.losses), int((now - self.waits_since) * 1e3) if self.waits_since else 0]
        for loss in self.losses:
            numbers += loss
        return b"".join(n.to_bytes(8, "little") for n in numbers)

    def end(self) -> None:
        """The stream is at its end; raises OSError where its header cannot be written."""
        if not self.position:
            self._begin()
        if self.losses:
            self.note(self.waits_since)  # it waits no more
        mark_ended(self.file)

    def close(self) -> None:
        """Let go of both."""
        os.close(self.pipe)
        os.close(self.file)

    def _begin(self) -> None:
        """Go on where another relay has stopped, or write the header."""
        header = read_header(self.file)
        if header is None:
            # With what was dropped before there was room: at no time a reader sees less.
            data = MAGIC.ljust(_LOSSES_AT, b"\0") + self._noted(self.waits_since)
            data = data.ljust(HEADER_BYTES, b"\0")
            done = os.pwrite(self.file, data, 0)
            if done < len(data):
                raise OSError(_ENOSPC, "no room for the header")
            self.position = HEADER_BYTES
        else:
            # What this one has counted itself, before there was room for a header, stays.
            self.losses = [*header.losses, *self.losses][:MOST_LOSSES]
            self.position = os.fstat(self.file).st_size

    def _copy(self) -> int:
        """As ``splice``, for file systems that refuse it."""
        data = os.read(self.pipe, _SPLICE_BYTES)
        done = 0
        while done < len(data):
            done += os.pwrite(self.file, data[done:], self.position + done)
        return done


_EINVAL = 22
_ENOSPC = 28


def _enlarge(pipe: int) -> None:
    import fcntl

    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _LARGE_PIPE_BYTES)
    except OSError:
        pass  # this user's share of memory for pipes is used up: it works as it is


class Relay:
    """Moves streams until nobody can send any more and all are at their end."""

    def __init__(self, control: int, most_wait_s: float, most_streams: int) -> None:
        import _socket
        import select

        self._control = _socket.socket(fileno=control)
        self._ancillary_bytes = _socket.CMSG_SPACE(8)
        self._poll = select.epoll()
        self._poll.register(control, select.EPOLLIN)
        self._readable = select.EPOLLIN
        self._most_wait_s = most_wait_s
        self._most_streams = most_streams
        self._is_open = True
        self._streams: dict[int, Stream] = {}
        #: Pipes by what the kernel calls them: a stream may be handed over twice.
        self._known: dict[int, int] = {}
        self._waiting: list[Stream] = []

    def run(self) -> None:
        """Work to the end."""
        from time import monotonic, sleep

        quick, patience, awake, has_slept = 0, _QUICK_ROUNDS, 0, False
        while self._is_open or self._streams:
            began = monotonic()
            ready = self._poll.poll(_RETRY_S if self._waiting else None)
            now = monotonic()
            moved = sum([self._serve(fd, now) for fd, _ in ready])
            if self._waiting:
                self._retry(now)
            if not has_slept:
                awake = moved
            elif moved > 2 * awake:
                patience = _QUICK_ROUNDS
            else:  # its writers wait for it to wake
                quick, patience = 0, min(2 * patience, _MOST_ROUNDS)
            quick = quick + 1 if now - began < _QUICK_S and moved < _SMALL_BYTES else 0
            has_slept = quick > patience
            if has_slept:
                sleep(_NAP_S)

    def _serve(self, fd: int, now: float) -> int:
        stream = self._streams.get(fd)
        if stream is None:
            self._receive()
            return 0
        try:
            moved = stream.move()
        except BlockingIOError:
            return 0
        except OSError:
            # No room: what is in the pipe stays there, and its writer waits.
            stream.waits_since = now
            self._poll.unregister(fd)
            self._waiting.append(stream)
            return 0
        if moved < 0:
            self._finish(stream, now)
        return moved

    def _retry(self, now: float) -> None:
        """See whether there is room again for streams that wait; after long, drop their bytes."""
        waiting, self._waiting = self._waiting, []
        for stream in waiting:
            has_room, moved = True, 0
            try:
                moved = stream.move()
            except BlockingIOError:
                pass
            except OSError:
                has_room = False
                if stream.drops or now - stream.waits_since > self._most_wait_s:
                    moved = stream.drop()
            if moved < 0:
                self._finish(stream, now)
            elif has_room:
                stream.waits_since = 0.0
                stream.note(now)
                self._poll.register(stream.pipe, self._readable)
            else:
                stream.note(now)
                self._waiting.append(stream)

    def _receive(self) -> None:
        message, ancillary, _, _ = self._control.recvmsg(1, self._ancillary_bytes)
        if not message:
            self._is_open = False
            self._poll.unregister(self._control.fileno())
            return
        for _, _, data in ancillary:
            if len(data) == 8:
                pipe = int.from_bytes(data[:4], sys.byteorder)
                self._take_up(Stream(pipe, int.from_bytes(data[4:], sys.byteorder)))
        if len(self._streams) >= self._most_streams:
            self._poll.unregister(self._control.fileno())  # they wait in the socket for their turn

    def _take_up(self, stream: Stream) -> None:
        inode = os.fstat(stream.pipe).st_ino
        if inode in self._known:
            stream.close()
            return
        self._known[inode] = stream.pipe
        self._streams[stream.pipe] = stream
        os.set_blocking(stream.pipe, False)
        self._poll.register(stream.pipe, self._readable)

    def _finish(self, stream: Stream, now: float) -> None:
        if not stream.waits_since:
            self._poll.unregister(stream.pipe)
        try:
            stream.end()
        except OSError:
            # No room even for the header, which has to say what was dropped: it waits, too. Who
            # reads it after that sees that its end is missing.
            stream.waits_since = stream.waits_since or now
            if now - stream.waits_since < self._most_wait_s + _MOST_END_WAIT_S:
                self._waiting.append(stream)
                return
        if len(self._streams) == self._most_streams and self._is_open:
            self._poll.register(self._control.fileno(), self._readable)
        del self._streams[stream.pipe]
        del self._known[os.fstat(stream.pipe).st_ino]
        stream.close()


def main(control: int, most_wait_s: float) -> None:
    """Be the relay of the socket *control*; returns when there is nothing left to do."""
    # What `signal` adds to it, enums, would cost more memory than the streams.
    import _signal  # type: ignore[import-not-found]
    import resource

    # Jobs and whole services are stopped with these, and may still have something to say.
    for number in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXFSZ", "SIGXCPU"):
        _signal.signal(getattr(_signal, number), _signal.SIG_IGN)
    # What somebody grants a job is not meant for what it writes.
    for name in ("FSIZE", "CPU", "NOFILE", "AS", "DATA"):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (hard, hard))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.chdir("/")
    try:
        with open("/proc/self/comm", "w") as name_file:
            name_file.write("qntx-relay")
    except OSError:
        pass
    Relay(control, most_wait_s, max(1, files // 2 - 16)).run()
    os._exit(0)
