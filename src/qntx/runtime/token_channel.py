"""A language model's answer as it grows, from the process of a job to the servers that show it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from qntx.clock import monotonic_s
from qntx.journal.segment import private_folder
from qntx.recording.lines import masked

#: The most that is sent at once; longer pieces are sent as several.
PIECE_CHARS = 4_000
DATAGRAM_BYTES = 64 << 10
#: How long a look at who listens is good for, seconds.
LISTENERS_S = 0.5
#: What fits into the address of a socket.
_ADDRESS_BYTES = 100
_SUFFIX = ".tokens"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an answer; *done*: it is complete (or failed, then *error* says why)."""

    job_id: str
    attempt: int
    text: str
    stage: str | None = None
    task_id: str | None = None
    model: str | None = None
    done: bool = False
    error: str | None = None


class TokenSender:
    """
    What a job's emitter shows tokens with: sent to whoever listens, kept by nobody.

    It never waits: what a listener has no room for is gone. The whole answer is in the log.
    """

    def __init__(
        self, home: Path, job_id: str, attempt: int, also: Callable[..., Any] | None = None
    ) -> None:
        self._folder = home / "run"
        self._job_id = job_id
        self._attempt = attempt
        self._also = also
        self._looked_s = float("-inf")
        self._listeners: list[Path] = []

    def __call__(
        self,
        task_id: str | None,
        content: str,
        *,
        done: bool = False,
        model: str | None = None,
        stage: str | None = None,
        error: str | None = None,
    ) -> None:
        """Some more text of the model's answer."""
        if self._also is not None:
            self._also(task_id, content, done=done, model=model, stage=stage, error=error)
        if monotonic_s() - self._looked_s > LISTENERS_S:
            self._listeners = _listeners(self._folder)
            self._looked_s = monotonic_s()
        if not self._listeners:
            return
        text = str(masked(content)).encode("utf-8", "replace").decode()
        for start in range(0, max(len(text), 1), PIECE_CHARS):
            token = Token(
                job_id=self._job_id,
                attempt=self._attempt,
                text=text[start : start + PIECE_CHARS],
                stage=stage,
                task_id=task_id,
                model=model,
                done=done and start + PIECE_CHARS >= len(text),
                error=error,
            )
            self._send(msgspec.json.encode(token))

    def _send(self, data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for path in self._listeners:
                try:
                    with _address(path) as address:
                        sender.sendto(data, address)
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)  # of a server that was killed
                except OSError:
                    pass  # it has no room, or is gone: tokens are not worth waiting for


class TokenReceiver:
    """Where a server gets tokens from; to be read when :attr:`descriptor` is readable."""

    def __init__(self, home: Path, name: str) -> None:
        private_folder(home / "run")
        self._path = home / "run" / f"{name}{_SUFFIX}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._path.unlink(missing_ok=True)
        with _address(self._path) as address:
            self._socket.bind(address)

    @property
    def descriptor(self) -> int:
        """What to wait on."""
        return self._socket.fileno()

    def read(self, most: int) -> list[Token]:
        """The tokens that have arrived, up to *most*."""
        tokens: list[Token] = []
        for _ in range(most):
            try:
                data = self._socket.recv(DATAGRAM_BYTES)
            except OSError:
                break
            with suppress(msgspec.MsgspecError):
                tokens.append(msgspec.json.decode(data, type=Token))
        return tokens

    def close(self) -> None:
        """Receive no more."""
        self._path.unlink(missing_ok=True)
        self._socket.close()


def _listeners(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if name.endswith(_SUFFIX)]
    except OSError:
        return []


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name for *path* that fits into a socket's address, however deep the folder lies."""
    if len(os.fsencode(path)) <= _ADDRESS_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
