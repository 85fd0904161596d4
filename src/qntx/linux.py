"""What qntx needs of the operating system, which is Linux, and what to say where it is not."""

from __future__ import annotations

import os

# Not as ``sys.platform``: type checkers on other systems would take the rest for unreachable.
from sys import platform

#: The number of the system call, on every architecture that came or stayed after 2019.
_PIDFD_OPEN = 434


def require_linux() -> None:
    """Raise ImportError on another operating system."""
    if platform != "linux":
        raise ImportError(
            f"qntx runs on Linux (5.3 or newer) only, and this is {platform!r} - "
            "use a container, a virtual machine or WSL 2"
        )


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
