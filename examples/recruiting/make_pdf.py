"""
Lay out a job description as a PDF, with nothing but the standard library.

    cd examples/recruiting
    python make_pdf.py jobs/finance-lead.source.txt jobs/finance-lead.pdf

The source is a text with "# title", "## heading", "- item" and paragraphs. The same source gives
the same bytes, so the PDF in the repository can be checked against it.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

PAGE_WIDTH, PAGE_HEIGHT = 595, 842  # A4 in points
LEFT, RIGHT, TOP, BOTTOM = 62, 62, 70, 64
BULLET_INDENT = 14

# Widths of Helvetica's characters 32 to 126 in thousandths of the font size (Adobe's metrics).
_WIDTHS = [
    278,
    278,
    355,
    556,
    556,
    889,
    667,
    191,
    333,
    333,
    389,
    584,
    278,
    333,
    278,
    278,
    556,
    556,
    556,
    556,
    556,
    556,
    556,
    556,
    556,
    556,
    278,
    278,
    584,
    584,
    584,
    556,
    1015,
    667,
    667,
    722,
    722,
    667,
    611,
    778,
    722,
    278,
    500,
    667,
    556,
    833,
    722,
    778,
    667,
    778,
    722,
    667,
    611,
    722,
    667,
    944,
    667,
    667,
    611,
    278,
    278,
    278,
    469,
    556,
    333,
    556,
    556,
    500,
    556,
    556,
    278,
    556,
    556,
    222,
    222,
    500,
    222,
    833,
    556,
    556,
    556,
    556,
    333,
    500,
    278,
    556,
    500,
    722,
    500,
    500,
    500,
    334,
    260,
    334,
    584,
]


class Style:
    """How one kind of block looks: font, size, leading and the space above, in points."""

    def __init__(self, font: str, size: float, leading: float, above: float) -> None:
        self.font = font
        self.size = size
        self.leading = leading
        self.above = above


TITLE = Style("F2", 20, 25, 0)
HEADING = Style("F2", 12.5, 17, 13)
BODY = Style("F1", 10.5, 15, 6)
ITEM = Style("F1", 10.5, 15, 3)


def main(source: Path, target: Path) -> None:
    """Write the PDF of *source* to *target*."""
    target.write_bytes(make_pdf(source.read_text("utf-8")))


def make_pdf(text: str) -> bytes:
    """The PDF file for *text*."""
    return _document([_stream(page) for page in _pages(text)])


def _blocks(text: str) -> Iterator[tuple[Style, str, str]]:
    """(style, bullet, text) of every block of the source."""
    for line in text.splitlines():
        if line.startswith("## "):
            yield HEADING, "", line[3:]
        elif line.startswith("# "):
            yield TITLE, "", line[2:]
        elif line.startswith("- "):
            yield ITEM, "•", line[2:]
        elif line.strip():
            yield BODY, "", line


def _pages(text: str) -> list[list[str]]:
    """The drawing operators of each page."""
    pages: list[list[str]] = [[]]
    y = float(PAGE_HEIGHT - TOP)
    for style, bullet, block in _blocks(text):
        indent = BULLET_INDENT if bullet else 0
        y -= style.above
        # A heading never stays alone at the foot of a page.
        needed = style.leading * (3 if style is HEADING else 1)
        for number, line in enumerate(_wrapped(block, style.size, indent)):
            if y - needed < BOTTOM:
                pages.append([])
                y = float(PAGE_HEIGHT - TOP)
            y -= style.leading
            if bullet and number == 0:
                line, x = f"{bullet} {line}", LEFT + indent - _width(f"{bullet} ", style.size)
            else:
                x = float(LEFT + indent)
            operator = (
                f"BT /{style.font} {style.size:g} Tf {x:.2f} {y:.2f} Td ({_escaped(line)}) Tj ET"
            )
            pages[-1].append(operator)
            needed = style.leading
    return pages


def _wrapped(text: str, size: float, indent: int) -> Iterator[str]:
    available = PAGE_WIDTH - LEFT - RIGHT - indent
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and _width(longer, size) > available:
            yield line
            line = word
        else:
            line = longer
    yield line


def _width(text: str, size: float) -> float:
    return sum(_WIDTHS[ord(c) - 32] if 32 <= ord(c) < 127 else 556 for c in text) * size / 1000


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _stream(operators: list[str]) -> bytes:
    # Level 9 of zlib gives the same bytes everywhere for so little text.
    return zlib.compress("\n".join(operators).encode("cp1252"), 9)


def _document(streams: list[bytes]) -> bytes:
    fonts = 3
    first_page = fonts + 2
    kids = " ".join(f"{first_page + 2 * i} 0 R" for i in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
    ]
    for name in ("Helvetica", "Helvetica-Bold"):
        objects.append(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} "
            "/Encoding /WinAnsiEncoding >>".encode()
        )
    for index, stream in enumerate(streams):
        contents = first_page + 2 * index + 1
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> "
            f"/Contents {contents} 0 R >>".encode()
        )
        head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
        objects.append(head + stream + b"\nendstream")
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start = len(body)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        body += f"{offset:010d} 00000 n \n".encode()
    body += (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    )
    return bytes(body)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
