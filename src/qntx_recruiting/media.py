"""Decide what a body is: the declared type is a hint, the first bytes are the evidence."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from qntx.errors import FetchError

Kind = Literal["html", "text", "markdown", "pdf", "docx"]

_BY_TYPE: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
_BY_SUFFIX: dict[str, Kind] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".pdf": "pdf",
    ".docx": "docx",
}
# Servers say this of any file they do not know; the first bytes decide.
_UNDECIDED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_READABLE = "a web page, plain text, Markdown, PDF or DOCX"


def check_type(source: str, content_type: str) -> None:
    """Raise FetchError when *content_type* can be no job description; asked before the body."""
    name = essence(content_type)
    if name not in _BY_TYPE and name not in _UNDECIDED:
        raise FetchError(f"cannot use {source}: it is {name}, not {_READABLE}")


def detect(source: str, path: str, body: bytes, content_type: str = "") -> Kind:
    """
    What *body* is, by its first bytes, then its declared type, then the suffix of *path*.

    Raises FetchError when it is none of the kinds that are read.
    """
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"%PDF-"):
        return "pdf"
    suffix = _BY_SUFFIX.get(PurePosixPath(path).suffix.lower())
    declared = _BY_TYPE.get(essence(content_type))
    if start.startswith(b"PK\x03\x04"):
        if "docx" in (suffix, declared):
            return "docx"
        raise FetchError(f"cannot use {source}: it is an archive, not {_READABLE}")
    if b"\0" in body[:4096] and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FetchError(f"cannot use {source}: it is binary data, not {_READABLE}")
    if start[:256].lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    kind = declared if declared not in (None, "text") else suffix or declared
    if kind in ("pdf", "docx"):
        raise FetchError(f"cannot use {source}: it claims to be {kind} but is not - check the file")
    return kind or "text"


def essence(content_type: str) -> str:
    """The type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def charset(content_type: str) -> str | None:
    """The charset parameter of a content type, if there is one."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None
