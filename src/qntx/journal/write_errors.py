"""Why something could not be written: what the operating system says, in words that help."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What is behind an error number, and what helps.
_WORDS = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota used up",
    errno.EFBIG: "the process may not write files of that size (ulimit -f)",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "read-only file system",
    errno.EMFILE: "the process has too many open files (ulimit -n)",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOMEM: "not enough memory",
}


def reason_of(error: BaseException) -> str:
    """What was in the way, by the exception that it raised (OSError or MemoryError)."""
    if isinstance(error, MemoryError):
        return _WORDS[errno.ENOMEM]
    number = getattr(error, "errno", None)
    return reason_of_number(number) if isinstance(number, int) else str(error)


def reason_of_number(number: int) -> str:
    """What an error number of the operating system means; 0, of old journals, is a full disk."""
    return _WORDS.get(number or errno.ENOSPC) or os.strerror(number)


def read_only_reason(path: Path) -> str | None:
    """Why nothing can be written at *path* where its file system is read-only; None: it is not."""
    try:
        is_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:
        return None
    return _WORDS[errno.EROFS] if is_read_only else None


def unwritable_reason(folder: Path) -> str | None:
    """Why this user can write nothing in *folder*, which exists; None where it can."""
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return None
    return read_only_reason(folder) or _WORDS[errno.EACCES]


def number_of(error: BaseException) -> int:
    """The error number of an exception that kept something from being written."""
    number = getattr(error, "errno", None)
    return number if isinstance(number, int) else errno.ENOMEM


def largest_file() -> int | None:
    """How large a file of this process may become, in bytes (``ulimit -f``); None: no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def too_large(size: int) -> OSError | None:
    """
    The error of a file of *size* bytes where the process may not write one; None where it may.

    To be asked first: without a handler the system ends a process that only tries (SIGXFSZ).
    """
    limit = largest_file()
    if limit is None or size <= limit:
        return None
    return OSError(errno.EFBIG, os.strerror(errno.EFBIG))


@contextmanager
def size_limit_as_error() -> Iterator[None]:
    """
    Have a write of this thread beyond ``ulimit -f`` fail, also where that ends the process.

    Python ignores the signal that does it (SIGXFSZ), but a job may take that back.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXFSZ})
    try:
        yield
    finally:
        if signal.SIGXFSZ not in before:
            while signal.sigtimedwait({signal.SIGXFSZ}, 0) is not None:
                pass
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
