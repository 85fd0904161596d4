"""What qntx needs of the operating system, which is Linux, and what to say where it is not."""

from __future__ import annotations

import os
import resource
from pathlib import Path

# Not as ``sys.platform``: type checkers on other systems would take the rest for unreachable.
from sys import platform

#: The number of the system call, on every architecture that came or stayed after 2019.
_PIDFD_OPEN = 434
MAX_COMMAND = 120


def require_linux() -> None:
    """Raise ImportError on another operating system."""
    if platform != "linux":
        raise ImportError(
            f"qntx runs on Linux (5.3 or newer) only, and this is {platform!r} - "
            "use a container, a virtual machine or WSL 2"
        )


def lift_soft_limits() -> None:
    """
    Take back what a shell or a job has limited this process to, as far as it may.

    For processes of ours that a job's process starts: ``ulimit -f`` is meant for the job.
    """
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_AS):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))


def pidfd_open(pid: int) -> int:
    """
    A file descriptor that becomes readable when the process *pid* ends; raises OSError.

    As ``os.pidfd_open``, which Pythons that were built with old headers of Linux lack.
    """
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    import ctypes  # here: it is rarely needed, and every command would load it

    fd: int = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_OPEN, pid, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal (not by a debugger); False when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def command_of(pid: int) -> str:
    """What a process runs, by name only: its arguments may be nobody's business."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "gone"
    named = words[:3] if words[1:2] == ["-m"] else [w for w in words[:2] if not w.startswith("-")]
    return " ".join(word.rpartition("/")[2] for word in named)[:MAX_COMMAND].strip()
