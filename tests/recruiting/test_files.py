"""Reading files: which ones, how they are named, and what is said about the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qntx.errors import FetchError
from qntx_recruiting.files import is_web_address, path_of, read_file

TEXT = b"We look for a person who reads."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roots" / "jd.txt"
    path.parent.mkdir()
    path.write_bytes(TEXT)
    return path


def read(source: str, **arguments: object) -> bytes:
    return read_file(source, **{"max_bytes": 1000, **arguments}).body  # type: ignore[arg-type]


def refused(source: str, **arguments: object) -> str:
    with pytest.raises(FetchError) as error:
        read(source, **arguments)
    return str(error.value)


def test_paths_and_file_addresses(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("HOME", str(file.parent))
    for source in (
        str(file),
        "jd.txt",
        "./jd.txt",
        "~/jd.txt",
        f"file://{file}",
        f"file://localhost{file}",
        f"FILE://LocalHost{file}",
        f"file://{file.parent}/j%64.txt",
    ):
        assert read(source) == TEXT


def test_names_are_decoded_once(file: Path) -> None:
    odd = file.parent / "50%25 #1? ü.txt"
    odd.write_bytes(TEXT)
    assert read(f"file://{file.parent}/50%2525%20%231%3F%20%C3%BC.txt") == TEXT
    assert path_of("file:///a/%252e%252e/b") == Path("/a/%2e%2e/b")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("file:///tmp/test-jd.txt", "file not found: file:///tmp/test-jd.txt - check the path"),
        ("no/such/file.txt", "file not found: no/such/file.txt - check the path"),
        ("file:/tmp/x.txt", "write it as file:///absolute/path"),
        ("file://", "write it as file:///absolute/path"),
        ("file:x", "write it as file:///absolute/path"),
        ("file://server/share/x.txt", "files of the host 'server' are out of reach"),
        ("file:///a/b?c", "write the '?' of a file name as %3F"),
        ("file:///a/b#c", "write the '#' of a file name as %23"),
        ("file:///a/b%00c", "a path cannot contain a NUL character"),
        ("/dev/zero", "it is not a regular file"),
        ("/proc/self/environ", "it is not a regular file"),
        ("/proc/self/root/proc/self/environ", "it is not a regular file"),
        ("/dev/null/x", "is a symbolic link or no folder"),
        ("/" + "a" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_read(source: str, said: str) -> None:
    message = refused(source)
    assert said in message
    assert "\n" not in message


def test_a_folder_an_empty_and_a_large_file(file: Path) -> None:
    assert "is a folder - give a file in it" in refused(str(file.parent))
    file.write_bytes(b" \n")
    assert "the file is empty" in refused(str(file))
    file.write_bytes(b"x" * 1001)
    assert "larger than 1,000 bytes" in refused(str(file))


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(str(tmp_path / "pipe"))
    assert "not a regular file" in refused(str(tmp_path / "pipe"), roots=[tmp_path])


def test_remote_callers_stay_below_the_roots(file: Path, tmp_path: Path) -> None:
    roots = [file.parent]
    (tmp_path / "secret.txt").write_bytes(b"secret")
    assert read(str(file), roots=roots) == TEXT
    assert read(f"file://{file}", roots=roots) == TEXT
    for source in (
        str(tmp_path / "secret.txt"),
        f"{file.parent}/../secret.txt",
        f"file://{file.parent}/%2e%2e/secret.txt",
        str(file.parent),
        "/etc/passwd",
    ):
        message = refused(source, roots=roots)
        assert "add its folder to the setting files.roots" in message
    assert "files.roots" in refused(str(file), roots=[])


def test_remote_callers_follow_no_links(file: Path, tmp_path: Path) -> None:
    root = file.parent
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    os.link(outside / "secret.txt", root / "hard.txt")
    assert "symbolic link" in refused(str(root / "link.txt"), roots=[root])
    assert "symbolic link" in refused(str(root / "folder" / "secret.txt"), roots=[root])
    assert "hard link" in refused(str(root / "hard.txt"), roots=[root])
    # Whoever sits at the machine may read them.
    assert read(str(root / "link.txt")) == b"secret"


def test_remote_callers_never_read_the_data_directory(file: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(tmp_path)
    for private in (file.parent, tmp_path / "alias" / "roots"):
        message = refused(str(file), roots=[tmp_path], private=private)
        assert "outside the folders that remote callers may read" in message
    assert read(str(file), private=file.parent) == TEXT


def test_a_root_may_itself_be_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(file.parent)
    assert read(str(tmp_path / "alias" / "jd.txt"), roots=[tmp_path / "alias"]) == TEXT
    assert read(str(file), roots=[tmp_path / "alias"]) == TEXT


@pytest.mark.parametrize(
    ("source", "web"),
    [
        ("http://example.com/", True),
        ("HTTPS://example.com/", True),
        ("file:///tmp/x", False),
        ("jobs/x.txt", False),
        ("a/b://c", False),
    ],
)
def test_what_is_fetched_and_what_is_read(source: str, web: bool) -> None:
    assert is_web_address(source) is web


def test_other_schemes_are_refused() -> None:
    with pytest.raises(FetchError, match="http:// or https://"):
        is_web_address("ftp://example.com/jd.txt")
