"""What /proc tells of other processes, and signals for them."""

from __future__ import annotations

import os
from pathlib import Path


def state_of(pid: int) -> str:
    """The state letter of a process (T is stopped, Z is over); nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process is there and not over."""
    return state_of(pid) not in ("", "Z", "X")


def command_of(pid: int) -> bytes:
    """The command line of a process, its words ended by NUL; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children_of(pid: int) -> list[int]:
    """The processes whose parent is *pid*."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("[0-9]*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # the thread is gone
    return found


def tree_of(pid: int) -> list[int]:
    """*pid* and all processes below it, parents first."""
    found = [pid]
    for member in found:
        found += children_of(member)
    return found


def indexer_of(pid: int) -> int | None:
    """The indexer that the process *pid* started."""
    for child in children_of(pid):
        if b"qntx.indexer.process" in command_of(child):
            return child
    return None


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
