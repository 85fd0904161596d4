"""Read a job description from a file: regular files only, below given folders if there are any."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

import msgspec

from qntx.errors import FetchError
from qntx.net.decoding import STEP_BYTES, too_large

# Files of these trees are views of the machine, not documents; some never end.
_SPECIAL_TREES = ("/proc", "/sys", "/dev")
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FileContent(msgspec.Struct, frozen=True):
    """The bytes of one file; *path* is absolute."""

    path: str
    body: bytes


def read_file(
    source: str,
    *,
    max_bytes: int,
    roots: Sequence[Path] | None = None,
    private: Path | None = None,
) -> FileContent:
    """
    The content of *source*, a path or a ``file://`` address.

    With *roots* (for callers that are not on this machine) the file must lie below one of them,
    reached without symbolic links; an empty list allows no file at all. What lies below *private*
    (the data directory with its token) they never get, wherever it is.

    Raises FetchError: one sentence with the source as given and the next step.
    """
    path = path_of(source)
    with _explained(source):
        if roots is None:
            descriptor = os.open(path, _OPEN_FLAGS)
        else:
            descriptor = _open_below(source, path, roots, private)
        try:
            body = _read(source, path, descriptor, max_bytes, linked=roots is None)
        finally:
            os.close(descriptor)
    if not body.strip():
        raise FetchError(f"the file is empty: {source} - check the path")
    return FileContent(str(path), body)


def is_web_address(source: str) -> bool:
    """
    Whether *source* is to be fetched rather than read.

    Raises FetchError for any other scheme than http, https and file.
    """
    scheme, separator, _ = source.partition("://")
    if not separator or "/" in scheme:
        return False
    if scheme.lower() in ("http", "https"):
        return True
    if scheme.lower() == "file":
        return False
    raise FetchError(f"cannot read {source}: give a path, file://, http:// or https:// address")


def path_of(source: str) -> Path:
    """
    The absolute path that *source* names; a ``file://`` address is percent-decoded once.

    Raises FetchError for addresses of other hosts and unusable names.
    """
    name = _decoded(source) if source[:5].lower() == "file:" else source
    if "\0" in name:
        raise FetchError(f"cannot read {source!r}: a path cannot contain a NUL character")
    return Path(os.path.abspath(os.path.expanduser(name)))


def _decoded(source: str) -> str:
    rest = source[5:]
    host, slash, path = rest[2:].partition("/")
    if not rest.startswith("//") or not slash:
        raise FetchError(f"cannot read {source}: write it as file:///absolute/path")
    if host.lower() not in ("", "localhost"):
        raise FetchError(f"cannot read {source}: files of the host {host!r} are out of reach here")
    for char, code in (("?", "%3F"), ("#", "%23")):
        if char in path:
            raise FetchError(f"cannot read {source}: write the {char!r} of a file name as {code}")
    return os.fsdecode(b"/" + unquote_to_bytes(path))


def _open_below(source: str, path: Path, roots: Sequence[Path], private: Path | None) -> int:
    """Open *path* by walking down from its root, one component at a time, following no link."""
    secret = private is not None and any(
        path.is_relative_to(form) for form in (private, private.resolve())
    )
    for root in () if secret else roots:
        for base in dict.fromkeys((Path(os.path.abspath(root)), root.resolve())):
            if path != base and path.is_relative_to(base):
                return _walk(base, path.relative_to(base).parts)
    raise FetchError(
        f"refused to read {source}: it is outside the folders that remote callers may read - "
        "add its folder to the setting files.roots to allow it"
    )


def _walk(base: Path, parts: tuple[str, ...]) -> int:
    folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _OPEN_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _read(source: str, path: Path, descriptor: int, max_bytes: int, *, linked: bool) -> bytes:
    info = os.fstat(descriptor)
    real = os.path.realpath(path)
    if stat.S_ISDIR(info.st_mode):
        raise FetchError(f"{source} is a folder - give a file in it")
    if not stat.S_ISREG(info.st_mode) or real.startswith(tuple(f"{t}/" for t in _SPECIAL_TREES)):
        raise FetchError(f"cannot read {source}: it is not a regular file - give a document")
    if not linked and info.st_nlink > 1:
        raise FetchError(f"refused to read {source}: it is a hard link - copy the file instead")
    if info.st_size > max_bytes:
        raise too_large(source, max_bytes)
    body = bytearray()
    while chunk := os.read(descriptor, STEP_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise too_large(source, max_bytes)
    return bytes(body)


@contextlib.contextmanager
def _explained(source: str) -> Iterator[None]:
    """Turn what the operating system says into a sentence for a person."""
    try:
        yield
    except FileNotFoundError:
        raise FetchError(
            f"file not found: {source} - check the path and that the file is on this machine"
        ) from None
    except PermissionError:
        raise FetchError(f"may not read {source} - give yourself read permission") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            detail = "a part of its path is a symbolic link or no folder"
        else:
            detail = error.strerror or str(error)
        raise FetchError(f"cannot read {source}: {detail} - check the path") from None
