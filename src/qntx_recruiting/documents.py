"""The text of PDF and DOCX documents, with limits on what a document may unfold to."""

from __future__ import annotations

import io
import re
import statistics
import zipfile
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from qntx.errors import FetchError
from qntx_recruiting.html_text import html_to_text

# The readers of documents cost 0.15 s to import: each is imported where it is needed.
if TYPE_CHECKING:
    import pypdfium2

# A line this much larger than most text, or bold, is a heading.
_HEADING_SIZE = 1.1
_BOLD_WEIGHT = 600
# Lines further apart than this multiple of the distance within a paragraph are two blocks.
_BLOCK_PITCH = 1.25
# Closer than this share of the font size are marks beside a line, not lines.
_LEAST_PITCH = 0.9
MAX_PAGES = 50
MAX_TEXT_CHARS_EXTRACTED = 1_000_000
MAX_ARCHIVE_ENTRIES = 1_000
MAX_ARCHIVE_BYTES = 100 << 20


class _Line(NamedTuple):
    text: str
    bottom: float
    size: float
    bold: bool


def pdf_text(source: str, body: bytes) -> tuple[str, tuple[str, ...]]:
    """
    The text of a PDF, and notes (pages left out).

    Raises FetchError when it is damaged, needs a password, or holds only pictures.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        raise FetchError(
            f"cannot read {source}: the PDF is damaged or needs a password ({error}) - "
            "open it in a viewer and save it again, or give its text"
        ) from None
    try:
        count = len(document)
        pages = [_page_text(document, index) for index in range(min(count, MAX_PAGES))]
    finally:
        document.close()
    text = "\n\n".join(pages)[:MAX_TEXT_CHARS_EXTRACTED]
    if not text.strip():
        raise FetchError(
            f"cannot read {source}: the PDF holds no text, only pictures - "
            "run text recognition on it, or give its text"
        )
    notes = (f"only the first {MAX_PAGES} of {count} pages were read",) if count > MAX_PAGES else ()
    return text, notes


def _page_text(document: pypdfium2.PdfDocument, index: int) -> str:
    page = document[index]
    try:
        text_page = page.get_textpage()
        try:
            return _structured(_lines(text_page))
        finally:
            text_page.close()
    finally:
        page.close()


def _lines(text_page: pypdfium2.PdfTextPage) -> list[_Line]:
    from pypdfium2 import raw

    text: str = text_page.get_text_range()
    # Looks are asked for by the number of a character; a rare character that Python counts as one
    # and PDFium as two would shift them all.
    exact = len(text) == text_page.count_chars()
    lines = []
    for match in re.finditer(r"\S[^\r\n]*", text):
        at = match.start()
        _, bottom, _, _ = text_page.get_charbox(at, loose=True) if exact else (0.0, 0.0, 0.0, 0.0)
        size = float(raw.FPDFText_GetFontSize(text_page, at)) if exact else 0.0
        bold = exact and raw.FPDFText_GetFontWeight(text_page, at) >= _BOLD_WEIGHT
        lines.append(_Line(match[0].rstrip(), bottom, size, bold))
    return lines


def _structured(lines: list[_Line]) -> str:
    """The text with ``## `` before headings and blank lines between blocks, judged by looks."""
    body = statistics.mode([line.size for line in lines for _ in line.text]) if lines else 0.0
    # The distance of lines within a paragraph is the smallest one between lines of body text.
    pitches = [a.bottom - b.bottom for a, b in pairwise(lines) if a.size == b.size == body]
    wide = _BLOCK_PITCH * min((p for p in pitches if p >= _LEAST_PITCH * body), default=0.0)
    parts: list[str] = []
    previous: _Line | None = None
    for line in lines:
        heading = (line.bold or line.size > _HEADING_SIZE * body) and len(line.text) <= 80
        if previous is not None and (heading or abs(previous.bottom - line.bottom) > wide):
            parts.append("")
        parts.append(f"## {line.text}" if heading else line.text)
        previous = line
    # PDFium marks a hyphen at the end of a line with U+FFFE; the word goes on in the next line.
    return re.sub("\ufffe\\s*", "", "\n".join(parts))


def docx_text(source: str, body: bytes) -> str:
    """
    The text of a DOCX document with its headings, lists and tables.

    Raises FetchError when it is damaged or unfolds to more than the limits.
    """
    import mammoth

    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
        size = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_ARCHIVE_ENTRIES or size > MAX_ARCHIVE_BYTES:
            raise FetchError(
                f"refused to read {source}: the document unfolds to {size:,} bytes in "
                f"{len(entries):,} parts - save it again without pictures, or give its text"
            )
        html: str = mammoth.convert_to_html(io.BytesIO(body)).value
    except FetchError:
        raise
    except Exception as error:
        # mammoth raises whatever its XML and zip layers raise; all of it means the same here.
        raise FetchError(
            f"cannot read {source}: the DOCX file is damaged ({error}) - save it again"
        ) from error
    text = html_to_text(html)[:MAX_TEXT_CHARS_EXTRACTED]
    if not text:
        raise FetchError(f"cannot read {source}: the document holds no text - check the file")
    return text
