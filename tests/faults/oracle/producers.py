"""The producers of the oracle: ways of saying a line, and places to say it from."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults.oracle.history import Producer
from tests.faults.oracle.saying import line_of

log = logging.getLogger("oracle")

IN_THREADS = ("main", "thread", "pool", "asyncio", "executor")
IN_PROCESSES = ("fork", "spawn", "forkserver")


class Speech:
    """One producer speaking: says its lines one by one, and acknowledges each that returned."""

    def __init__(
        self,
        producer: Producer,
        seed: int,
        run: str,
        attempt: int,
        ledger: str,
        emit: Any = None,
    ) -> None:
        self._producer = producer
        self._arguments = (seed, run, attempt, producer.name)
        self._fd = os.open(
            f"{ledger}.{producer.name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        )
        self._say = _way(producer.way, emit)
        self._stop = f"{ledger}.stop"

    def next(self, n: int) -> None:
        """Say the *n*-th line; when the call has returned, note it where no kill can reach."""
        self._say(line_of(*self._arguments, n))
        os.write(self._fd, f"{self._producer.name} {n}\n".encode())

    def all(self) -> None:
        """Say all lines, or those until the harness wants no more."""
        for n in range(1, self._producer.count + 1):
            self.next(n)
            if n % 16 == 0 and os.path.exists(self._stop):
                break
        os.close(self._fd)

    async def all_politely(self) -> None:
        """Say all lines, but let other tasks have their turn in between."""
        for n in range(1, self._producer.count + 1):
            self.next(n)
            if n % 3 == 0:
                await asyncio.sleep(0)
            if n % 16 == 0 and os.path.exists(self._stop):
                break
        os.close(self._fd)


def _way(way: str, emit: Any) -> Callable[[str], Any]:
    return {
        "emitter": lambda text: emit.info(text),
        "logging": lambda text: log.warning("%s", text),
        "print": print,
        "write": lambda text: sys.stdout.write(text + "\n"),
        "pieces": _pieces,
        "stderr": lambda text: sys.stderr.write(text + "\n"),
        "warning": lambda text: warnings.warn(text, UserWarning, stacklevel=2),
        "subprocess": lambda text: subprocess.run(["printf", "%s\\n", text]),
        "os.system": lambda text: os.system("cat <<'END_OF_LINE'\n" + text + "\nEND_OF_LINE"),
        "os.write": lambda text: os.write(1, text.encode() + b"\n"),
        "libc": lambda text: ctypes.CDLL(None).dprintf(1, b"%s\n", text.encode()),
    }[way]


def _pieces(text: str) -> None:
    third = len(text) // 3
    sys.stdout.write(text[:third])
    sys.stdout.write(text[third:-1])
    sys.stdout.write(text[-1:] + "\n")


@functools.cache
def _show_warnings(_process: int) -> None:
    """Show all, once in a process: while one thread is at it, another may be warned."""
    warnings.simplefilter("always")
    # It forks with threads of its own at work, of which Python warns from 3.12 on.
    warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)


def speak(arguments: tuple[Any, ...]) -> None:
    """The whole speech of a producer: what a thread or a child process runs."""
    _show_warnings(os.getpid())
    Speech(*arguments).all()


def perform(ctx: Any, producers: Iterable[Producer], seed: int, ledger: Path) -> None:
    """Have all *producers* speak at once, each started in its stage and task; wait for the end."""
    _show_warnings(os.getpid())
    common = (seed, ctx.job_id, ctx.attempt, str(ledger), ctx.emit)
    waiting: list[Callable[[], Any]] = []
    pool = ThreadPoolExecutor(16)
    in_main: list[Producer] = []
    in_loop: list[Producer] = []
    for producer in producers:
        arguments = (producer, *common)
        if producer.context in ("asyncio", "executor"):
            in_loop.append(producer)
        elif producer.context == "main":
            in_main.append(producer)
        else:
            with _placed(ctx.emit, producer):
                waiting.append(_start(producer.context, arguments, pool))
    loop = threading.Thread(target=_loop, args=(ctx.emit, in_loop, common, pool))
    loop.start()
    for producer in in_main:
        with _placed(ctx.emit, producer):
            speak((producer, *common))
    loop.join()
    for wait in waiting:
        wait()
    pool.shutdown()


def _start(context: str, arguments: tuple[Any, ...], pool: ThreadPoolExecutor) -> Callable[[], Any]:
    """Start a producer; returns what waits for its end."""
    if context == "thread":
        thread = threading.Thread(target=speak, args=(arguments,))
        thread.start()
        return thread.join
    if context == "pool":
        return pool.submit(speak, arguments).result
    process = multiprocessing.get_context(context).Process(
        target=speak,
        args=(arguments[:-1],),  # no emitter in another process
    )
    process.start()
    return lambda: _joined(process)


def _joined(process: Any) -> None:
    process.join()
    assert process.exitcode == 0, f"a child ended with {process.exitcode}"


def _loop(
    emit: Any, producers: list[Producer], common: tuple[Any, ...], pool: ThreadPoolExecutor
) -> None:
    async def main() -> None:
        tasks = []
        for producer in producers:
            with _placed(emit, producer):
                if producer.context == "asyncio":
                    tasks.append(asyncio.create_task(Speech(producer, *common).all_politely()))
                else:
                    loop = asyncio.get_running_loop()
                    tasks.append(loop.run_in_executor(None, speak, (producer, *common)))
        await asyncio.gather(*tasks)

    asyncio.run(main())


class _placed:
    """The stage and task of a producer."""

    def __init__(self, emit: Any, producer: Producer) -> None:
        self._managers = []
        if producer.stage is not None:
            self._managers.append(emit.stage(producer.stage))
        if producer.task is not None:
            self._managers.append(emit.task(producer.task))

    def __enter__(self) -> None:
        for manager in self._managers:
            manager.__enter__()

    def __exit__(self, *details: Any) -> None:
        for manager in reversed(self._managers):
            manager.__exit__(*details)
